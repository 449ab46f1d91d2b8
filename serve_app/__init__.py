"""quantroute, the online half: one OpenAI-compatible address in front of a fleet of pairs.

Import from `serve_app.app`, `serve_app.core`, `serve_app.settings` and `serve_app.testing`. What
their `__all__` does not name may change.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
