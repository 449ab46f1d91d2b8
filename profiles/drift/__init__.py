"""What has moved since a pair was last measured, and what to do about it every week."""
