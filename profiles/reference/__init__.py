"""Profiles of pairs not measured here, made from published figures."""
