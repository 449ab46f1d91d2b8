"""`quantroute serve` on one machine: check the configuration, get the weights, run Ray Serve."""
