"""`quantroute bench new-pair`: how well a pair is known that was added to a success model."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from serve_app.cli.options import JsonOption, fail, show, tell, whole_numbers


def new_pair(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Outcome files.")],
    pair: Annotated[
        list[str] | None, typer.Option(help="Leave out this one; may be repeated. Default: each.")
    ] = None,
    answers: Annotated[
        str, typer.Option(metavar="N,N...", help="Graded answers to add it from.")
    ] = "50,100,300",
    folds: Annotated[int, typer.Option(help="Folds.", min=2)] = 5,
    seed: Annotated[int, typer.Option(help="Makes the run repeatable.", min=0)] = 0,
    as_json: JsonOption = False,
) -> None:
    """Leave a pair out of training, add it from a few graded answers, and judge unseen prompts.

    Says how well the added pair keeps floors where its bound says that it does, beside the same
    pair trained.
    """
    from profiles.learning.outcome_table import OutcomesUnusable
    from serve_app.bench import new_pair as measuring

    plan = measuring.NewPairPlan(
        files=tuple(files),
        pairs=tuple(pair or ()),
        answers=whole_numbers("--answers", answers),
        folds=folds,
        seed=seed,
    )
    try:
        result = measuring.run(plan, tell)
    except (OutcomesUnusable, OSError) as exc:
        fail(str(exc))
    show(asdict(result), measuring.report(result), as_json=as_json)
