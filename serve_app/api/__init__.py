"""The HTTP surface, OpenAI-compatible. Starlette only here; it decides nothing."""
