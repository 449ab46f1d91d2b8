"""Learns from graded answers what each pair will get right, and measures how well."""
