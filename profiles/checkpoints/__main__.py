"""`python -m profiles.checkpoints NAME... --root FOLDER` makes checkpoints and prints where."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from profiles.checkpoints.build import ensure
from profiles.checkpoints.errors import CheckpointError
from profiles.checkpoints.manifest import Thoroughness
from profiles.checkpoints.recipe import RECIPES


def main(
    names: Annotated[list[str], typer.Argument(help=f"Any of {', '.join(RECIPES)}.")],
    root: Annotated[Path, typer.Option(help="Folder that keeps them.")],
    local: Annotated[
        list[str], typer.Option(help="NAME=FOLDER: use this checkpoint; may be repeated.")
    ] = [],  # noqa: B006 (typer copies it)
    verify: Annotated[bool, typer.Option(help="Check the digests of weights too.")] = False,
) -> None:
    """Makes the named checkpoints unless they are there, and prints their folders."""
    given = {name: Path(folder) for name, _, folder in (item.partition("=") for item in local)}
    thoroughness: Thoroughness = "full" if verify else "quick"
    try:
        paths = ensure(names, root=root, local=given, verify=thoroughness)
    except CheckpointError as error:
        sys.exit(f"{error}")
    for name, path in paths.items():
        sys.stdout.write(f"{name} {path}\n")


if __name__ == "__main__":
    typer.run(main)
