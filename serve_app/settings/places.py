"""Where files lie on this machine; the only module that reads the environment."""

from __future__ import annotations

import os
from pathlib import Path

from serve_app.settings.models import AppArgs


def home() -> Path:
    """Where checkpoints and caches live: `QUANTROUTE_HOME`, or `~/.cache/quantroute`."""
    return Path(os.environ.get("QUANTROUTE_HOME") or Path.home() / ".cache" / "quantroute")


def local_checkpoint(name: str) -> str:
    """The folder of a checkpoint on this machine, or `name` itself for a model hub's id."""
    if not name:
        return name
    made = home() / "checkpoints" / name
    for folder in (Path(name), made):
        if folder.is_dir():
            return str(folder.resolve())
    return name


def tokenizer_file(args: AppArgs) -> Path | None:
    """The reference tokenizer's file; `None` when the settings name no checkpoint that has one."""
    if args.reference_tokenizer is None:
        return None
    file = Path(local_checkpoint(args.reference_tokenizer)) / "tokenizer.json"
    return file if file.is_file() else None
