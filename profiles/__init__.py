"""The offline half: makes what the router reads. Never imports Ray or vLLM."""
