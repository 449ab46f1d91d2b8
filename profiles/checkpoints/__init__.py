"""The weights of the embedded fleet: fetched, dequantized, quantized, and kept."""

from __future__ import annotations

from profiles.checkpoints.build import Made, ensure, ensure_available, resolve
from profiles.checkpoints.errors import CheckpointError
from profiles.checkpoints.recipe import RECIPES

__all__ = [
    "RECIPES",
    "CheckpointError",
    "Made",
    "ensure",
    "ensure_available",
    "resolve",
]
