"""Child processes: started, watched and ended together, and their memory."""
