"""`quantroute tune weights`: what the utility's terms should weigh, from graded answers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serve_app.cli.options import JsonOption, fail, shares, tell
from serve_app.cli.store_options import StoreOption, target

if TYPE_CHECKING:
    from profiles.tuning.fleet_case import FleetAtRest
    from profiles.tuning.tune import Tuning, TuningPlan
    from serve_app.core.catalog import Catalog

PLOTS = (".png", ".svg")


def weights(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Outcome files: tables, lines, graded requests."),
    ],
    fleet: Annotated[
        Path | None,
        typer.Option(help="Decide as this fleet does: its prices, latencies, defaults, weights."),
    ] = None,
    store: StoreOption = None,
    prices: Annotated[
        Path | None,
        typer.Option(help="Without --fleet: JSON, US dollars per million tokens by pair."),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="PAIR",
            help="Without --fleet: compare with it; if none, with the pair most often right.",
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(help="A success model of other outcomes; else one is trained per fold."),
    ] = None,
    folds: Annotated[int, typer.Option(help="Parts to tune and to measure apart.", min=2)] = 5,
    lose: Annotated[
        float,
        typer.Option(
            help="Accuracy that may be lost against the reference pair, of 1.", min=0.0, max=1.0
        ),
    ] = 0.003,
    floors: Annotated[
        str, typer.Option(metavar="F,F...", help="Floors to keep, for the certainty.")
    ] = "0.3,0.5,0.7,0.9",
    seed: Annotated[int, typer.Option(help="Makes the run repeatable.", min=0)] = 0,
    plot: Annotated[Path | None, typer.Option(help="Draw the curves into this PNG or SVG.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Advise each preset's weights from graded answers, with the curve of accuracy against cost.

    Weights go through the router's own decision on prompts that the success model has not seen.
    Prints a `routing` block for the fleet file; changes nothing.
    """
    from profiles.learning.outcome_table import OutcomesUnusable
    from profiles.tuning.plot import draw
    from profiles.tuning.tune import TuningPlan
    from serve_app.cli.weights_json import tuning_document
    from serve_app.cli.weights_text import tuning_lines
    from serve_app.core.errors import SuccessModelRefused

    if fleet is not None and (prices or reference):
        fail("--fleet has prices and reference pair: leave --prices and --reference out", code=2)
    if fleet is None and store is not None:
        fail("--store holds the profiles of a fleet: name it with --fleet", code=2)
    if plot is not None and plot.suffix.lower() not in PLOTS:
        fail(f"--plot {str(plot)!r} should end in {' or '.join(PLOTS)}", code=2)
    plan = TuningPlan(
        files=tuple(files),
        folds=folds,
        model=model,
        lose=lose,
        floors=shares("--floors", floors),
        seed=seed,
    )
    try:
        tuning = (
            _tune_priced(plan, prices, reference)
            if fleet is None
            else _tune_fleet(plan, _at_rest(fleet, store))
        )
        if plot is not None:
            draw(tuning, plot)
    except (OutcomesUnusable, SuccessModelRefused, OSError) as exc:
        fail(str(exc))
    if as_json:
        typer.echo(tuning_document(tuning))
    else:
        for line in tuning_lines(tuning):
            typer.echo(line)


def _tune_fleet(plan: TuningPlan, fleet: FleetAtRest) -> Tuning:
    from profiles.tuning.tune import tune_fleet
    from serve_app.service.heuristics import judge

    return tune_fleet(plan, fleet, local=judge, progress=tell)


def _tune_priced(plan: TuningPlan, prices: Path | None, reference: str | None) -> Tuning:
    from profiles.learning.prices import read_prices
    from profiles.tuning.tune import tune_priced
    from serve_app.settings.models import PRESETS

    return tune_priced(
        plan,
        {**read_prices(), **(read_prices(prices) if prices else {})},
        reference=reference,
        present=PRESETS,
        progress=tell,
    )


def _at_rest(fleet: Path, store: str | None) -> FleetAtRest:
    from profiles.tuning.fleet_case import FleetAtRest
    from serve_app.core.catalog_errors import CatalogError
    from serve_app.launch.config_file import ConfigFileError, read_config

    try:
        args = read_config(fleet).args
        catalog = asyncio.run(_catalog(store, fleet))
    except (ConfigFileError, CatalogError, ValueError) as exc:
        fail(str(exc))
    return FleetAtRest(
        pairs=tuple(pair.pair for pair in args.pairs),
        catalog=catalog,
        policy=args.routing.policy,
        constraints=args.routing.defaults,
    )


async def _catalog(store: str | None, fleet: Path) -> Catalog:
    async with target(store, fleet, None).opened() as opened:
        return await opened.load()
