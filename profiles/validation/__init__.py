"""The golden gate between a checkpoint that loads and a pair that may serve."""
