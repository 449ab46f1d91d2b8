"""Benchmarks: numbers to read, never timings asserted in tests."""
