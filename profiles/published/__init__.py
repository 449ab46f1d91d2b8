"""Profiles of pairs nobody measured here, put together from what others have published."""
