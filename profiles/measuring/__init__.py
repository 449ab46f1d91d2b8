"""Measuring pairs: engines, load, samples, profiles. Knows vLLM by its HTTP API and its log."""
