"""One pair as a Serve application of its own, which the router finds by name.

Ray Serve restarts all deployments of an application when its `args` change. A pair with its own
application is changed and removed without touching any other.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ray.serve.deployment import Application

from serve_app.settings import local_checkpoint, parse_pair

__all__ = ["build_pair"]


def build_pair(args: dict[str, Any]) -> Application:
    """The application of one pair. Its `args` are the pair's part of the fleet.

    Raises `SettingsError` before the engine loads.
    """
    settings = parse_pair(args)
    settings = replace(settings, app=settings.app or settings.id)
    # vLLM and torch take seconds and a gigabyte to import.
    from serve_app.serving import pair

    return pair.build_pair(settings, local_checkpoint(settings.checkpoint))
