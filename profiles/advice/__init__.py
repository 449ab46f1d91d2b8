"""What the traffic that was served says about how pairs should be deployed."""
