"""Ray Serve and vLLM: deployments that hold a part and delegate to it, nothing more."""
