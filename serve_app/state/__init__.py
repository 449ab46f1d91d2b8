"""What a replica knows now: load, breakers, costs, status of the fleet."""
