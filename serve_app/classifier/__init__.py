"""What a prompt asks: its request, task, difficulty and answer length."""
