"""The routing decision: values and pure functions. No clock, no I/O, no Ray, no logging."""
