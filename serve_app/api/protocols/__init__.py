"""The bodies of Responses, Messages and embeddings, read for routing and passed on as they came."""
