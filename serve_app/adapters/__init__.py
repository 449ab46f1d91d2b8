"""Technologies behind the ports: each module knows one, and `core`."""
