"""How well a router chooses, on prompts that it has not seen."""
