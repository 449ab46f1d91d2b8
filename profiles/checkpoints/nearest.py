"""Makes quantized checkpoints by rounding to nearest, with vLLM's own compressed-tensors.

It runs in this environment, and calibrates nothing.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

from profiles.checkpoints import tools
from profiles.checkpoints.manifest import Origin
from profiles.checkpoints.progress import Progress
from profiles.checkpoints.recipe import Quantized

MADE_WITH = ("compressed-tensors", "transformers", "torch")


class RoundToNearest:
    @property
    def set_up_bytes(self) -> int:
        return 0

    def quantize(self, recipe: Quantized, parent: Path, folder: Path, progress: Progress) -> Origin:
        with progress.step(f"Quantizing {recipe.parent} to {recipe.scheme}") as step:
            script = [sys.executable, "-m", f"{__package__}.round_weights"]
            tools.run("round_weights", [*script, str(parent), str(folder), recipe.scheme], step)
        return Origin(
            source="quantized",
            detail=recipe.parent,
            tools={package: version(package) for package in MADE_WITH},
        )
