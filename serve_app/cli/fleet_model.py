"""`quantroute bench fleet-model`, `quantization-loss`: what a fleet's own answers are good for."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from serve_app.cli.options import JsonOption, fail, read_floors, show, tell

FolderArgument = Annotated[
    Path, typer.Argument(help="Profiles with the outcomes that `quantroute profile` left there.")
]


def fleet_model(
    folder: FolderArgument,
    public: Annotated[
        list[Path] | None, typer.Option(help="Outcomes of other pairs; may be repeated.")
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option(metavar="PAIR", help="Leave this public pair out.")
    ] = None,
    floors: Annotated[
        str, typer.Option(metavar="F,F...", help="Accuracy floors to keep.")
    ] = "0.1,0.2,0.3,0.4,0.5",
    folds: Annotated[int, typer.Option(help="Folds of the fleet's questions.", min=2)] = 5,
    seeds: Annotated[int, typer.Option(help="How often they are folded anew.", min=1)] = 3,
    as_json: JsonOption = False,
) -> None:
    """Compare ways to a success model for a small fleet, on its own questions kept aside."""
    from profiles.learning.outcome_table import OutcomesUnusable
    from serve_app.bench import fleet_model as measuring
    from serve_app.bench.own_answers import read_own_answers
    from serve_app.core.catalog_errors import CatalogError

    plan = measuring.FleetModelPlan(
        public=tuple(public or ()),
        without=tuple(without or ()),
        floors=read_floors(floors),
        folds=folds,
        seeds=seeds,
    )
    try:
        result = measuring.run(read_own_answers(folder), plan, tell)
    except (OutcomesUnusable, CatalogError, OSError) as exc:
        fail(str(exc))
    show(asdict(result), measuring.report(result), as_json=as_json)


def quantization_loss(
    folder: FolderArgument,
    halvings: Annotated[int, typer.Option(help="Halves to try profiles on.", min=2)] = 100,
    as_json: JsonOption = False,
) -> None:
    """Make profiles of half of the questions, and try their losses per task on the others."""
    from profiles.learning.outcome_table import OutcomesUnusable
    from serve_app.bench import quantization_loss as measuring
    from serve_app.bench.own_answers import read_own_answers
    from serve_app.core.catalog_errors import CatalogError

    try:
        result = measuring.run(read_own_answers(folder), halvings=halvings, progress=tell)
    except (OutcomesUnusable, CatalogError, OSError) as exc:
        fail(str(exc))
    show(asdict(result), measuring.report(result), as_json=as_json)
