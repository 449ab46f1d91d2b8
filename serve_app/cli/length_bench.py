"""`quantroute bench lengths`: how far foretold lengths of answers hold."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from serve_app.cli.options import JsonOption, fail, show, tell


def lengths(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Outcome files with answers' lengths.")
    ],
    folds: Annotated[int, typer.Option(help="Folds of the prompts.", min=2)] = 5,
    seed: Annotated[int, typer.Option(help="Makes the run repeatable.", min=0)] = 0,
    as_json: JsonOption = False,
) -> None:
    """Count the answers to unseen prompts that are no longer than p50 and p95 as foretold."""
    from profiles.learning.outcome_table import OutcomesUnusable
    from serve_app.bench import lengths as measuring

    plan = measuring.LengthsPlan(files=tuple(files), folds=folds, seed=seed)
    try:
        found = measuring.run(plan, tell)
    except (OutcomesUnusable, OSError) as exc:
        fail(str(exc))
    show({one.judge: asdict(one) for one in found}, measuring.report(found), as_json=as_json)
