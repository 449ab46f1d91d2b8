"""`python -m profiles.reference --data FOLDER` writes the reference profiles and prints where."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from profiles.profiling.profile_file import write_profile
from profiles.reference.build import published_profile
from profiles.reference.pairs import PAIRS
from profiles.reference.tables import ACCURACY, SERVING, FiguresMissing, read_tables


def main(
    data: Annotated[
        Path,
        typer.Option(envvar="QUANTROUTE_DATA", help=f"The folder with {SERVING} and {ACCURACY}."),
    ],
    out: Annotated[Path, typer.Option(help="Where profiles are written.")] = Path(
        "profiles/reference"
    ),
) -> None:
    """Put together profiles of GPU pairs from published figures, each with its source."""
    today = datetime.now(UTC).date().isoformat()
    try:
        tables = read_tables(data)
        profiles = [
            published_profile(pair, tables, command="python -m profiles.reference", date=today)
            for pair in PAIRS
        ]
    except FiguresMissing as exc:
        sys.exit(str(exc))
    for profile in profiles:
        path = out / profile.model / f"{profile.pair}@{profile.hardware.accelerator}.json"
        write_profile(path, profile)
        sys.stdout.write(f"{profile.pair}: {path}\n")


if __name__ == "__main__":
    typer.run(main)
