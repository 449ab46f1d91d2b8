"""The profiler: one engine, a load sweep, a fitted profile."""
