"""Has the checkpoints of a configuration made or fetched before anything starts."""

from __future__ import annotations

from rich.console import Console

from profiles.checkpoints import RECIPES, ensure
from profiles.checkpoints.progress import ConsoleProgress
from serve_app.settings import AppArgs, home


def ensure_weights(args: AppArgs, console: Console) -> None:
    """Makes every checkpoint that has a recipe; paths and hub ids are left to the engine.

    Raises `CheckpointError`.
    """
    wanted = [pair.checkpoint for pair in args.pairs if pair.checkpoint in RECIPES]
    if wanted:
        ensure(wanted, root=home(), progress=ConsoleProgress(console))
