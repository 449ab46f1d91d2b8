"""Benchmarks of what the router predicts: numbers to read."""
