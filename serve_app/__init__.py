"""quantroute, the online half: one OpenAI-compatible address in front of a fleet of pairs."""
