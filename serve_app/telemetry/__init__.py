"""Events as Prometheus metrics and log lines."""
