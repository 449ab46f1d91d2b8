"""`quantroute bench tasks`: how often the task of a prompt is told."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from serve_app.cli.options import JsonOption, fail, tell


def tasks(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Outcome files that name tasks.")
    ],
    test: Annotated[
        list[Path] | None, typer.Option(help="Measure on this, not on folds; may be repeated.")
    ] = None,
    folds: Annotated[int, typer.Option(help="Folds, where there is no --test.", min=2)] = 5,
    seed: Annotated[int, typer.Option(help="Makes the run repeatable.", min=0)] = 0,
    as_json: JsonOption = False,
) -> None:
    """Compare how often heuristics and success model tell the task of unseen prompts."""
    from profiles.learning.outcome_table import OutcomesUnusable
    from serve_app.bench import tasks as measuring

    plan = measuring.TasksPlan(train=tuple(files), test=tuple(test or ()), folds=folds, seed=seed)
    try:
        found = measuring.run(plan, tell)
    except (OutcomesUnusable, OSError) as exc:
        fail(str(exc))
    typer.echo(
        json.dumps([asdict(one) for one in found], indent=2) if as_json else measuring.report(found)
    )
