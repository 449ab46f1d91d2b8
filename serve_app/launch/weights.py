"""Has the checkpoints of a configuration made or fetched before anything starts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from profiles.checkpoints import RECIPES, ensure
from profiles.checkpoints.progress import ConsoleProgress
from serve_app.settings import AppArgs, home


def ensure_weights(
    args: AppArgs, console: Console, *, local: Mapping[str, Path], verify: bool = False
) -> dict[str, Path]:
    """Makes every checkpoint that has a recipe; paths and hub ids are left to the engine.

    `local` gives folders to use instead, by checkpoint name. Raises `CheckpointError`.
    """
    wanted = [pair.checkpoint for pair in args.pairs if pair.checkpoint in RECIPES]
    return ensure(
        wanted,
        root=home(),
        local=local,
        progress=ConsoleProgress(console),
        verify="full" if verify else "quick",
    )
