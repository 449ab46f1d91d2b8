"""`quantroute tune weights`: what the utility's terms should weigh, from graded answers.

The weights are printed for people, as YAML for the fleet file, or as one JSON document.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from profiles.cli.options import JsonOption, fail, shares, tell
from profiles.cli.store_options import StoreOption, target

if TYPE_CHECKING:
    from profiles.tuning.case import Saved
    from profiles.tuning.certainty import CertaintyCurve
    from profiles.tuning.fleet_case import FleetAtRest
    from profiles.tuning.numeric_guard import GuardCurve
    from profiles.tuning.presets import Advice
    from profiles.tuning.sweep import Point, Result
    from profiles.tuning.tune import Tuning, TuningPlan
    from serve_app.core.catalog import Catalog
    from serve_app.core.request import Preset
    from serve_app.core.scoring import Weights

STRIP = 36
EVERY = 3
SMALL_SHARE = 0.005
HEAD = f"{'':34} {'right':>6} {'points against reference':>26} {'$/1k':>9} {'of its cost':>11}"
PLOTS = (".png", ".svg")


def weights_yaml(weights: Mapping[Preset, Weights]) -> str:
    """A block for the `args` of a fleet file."""
    lines = [
        f"    {preset}: "
        f"{{accuracy: {one.accuracy!r}, latency: {one.latency!r}, cost: {one.cost!r}}}"
        for preset, one in weights.items()
    ]
    return "\n".join(("routing:", "  weights:", *lines))


def tuning_lines(tuning: Tuning) -> Iterator[str]:
    yield f"{tuning.prompts:,} prompts, reference pair {tuning.reference}"
    yield from tuning.notes
    latency_known = any(result.total_ms is not None for result in tuning.marks.values())
    yield f"{HEAD} {'ms':>7}" if latency_known else HEAD
    for name, result in tuning.marks.items():
        yield _row(name, result)
    for advice in tuning.presets:
        yield ""
        yield from _advice_lines(advice, tuning.lose)
    for saved in ("cost", "latency"):
        yield from _curve_lines([one for one in tuning.presets if one.saved == saved], saved)
    yield ""
    yield from _certainty_lines(tuning.certainty)
    yield ""
    yield from _guard_lines(tuning.guard, tuning.lose)
    yield ""
    for preset in tuning.untuned:
        yield f"# {preset} weighs latency, which is not known here: as it is"
    yield weights_yaml(tuning.weights)


def _row(name: str, result: Result) -> str:
    between = result.change_interval
    change = f"{100 * result.change:+.2f} [{100 * between.lower:+.2f}, {100 * between.upper:+.2f}]"
    latency = "" if result.total_ms is None else f"{result.total_ms:7.0f}"
    return (
        f"{name:34} {result.accuracy:6.1%} {change:>26} {1e3 * result.usd:9.4f} "
        f"{result.cost_share:11.1%} {latency}"
    ).rstrip()


def _advice_lines(one: Advice, lose: float) -> Iterator[str]:
    yield f"{one.preset}: {one.rule}"
    yield _row(f"  now, {_weights(one.present_weights)}", one.present)
    yield _row(f"  best here, {_weights(one.weights)}", one.same)
    yield _row("  the same, tuned on other prompts", one.aside)
    if one.bounds_loss:
        yield f"  {_loss(one, lose)}"
    low, high = min(one.ratios_aside), max(one.ratios_aside)
    yield (
        f"  accuracy weighs {_ratio(one.ratio)} times {one.saved}; without each part in turn, "
        f"{_ratio(low)} to {_ratio(high)}"
    )
    yield f"  goes to {_where(one.same)}"
    if not one.told_apart:
        yield "  no clear difference from the weights in use: keep those"


def _loss(one: Advice, lose: float) -> str:
    if one.rules_out_more_loss_than(lose):
        return f"the interval rules out a loss of more than {100 * lose:g} points"
    loss = -100 * one.aside.change_interval.lower
    return f"the interval allows a loss of up to {loss:.2f} points: more than {100 * lose:g}"


def _weights(weights: Weights) -> str:
    return f"{weights.accuracy:g} {weights.latency:g} {weights.cost:g}"


def _ratio(ratio: float) -> str:
    return f"{ratio:.3g}"


def _where(result: Result) -> str:
    shares = sorted(result.pairs.items(), key=lambda entry: -entry[1])
    shown = [f"{pair} {share:.1%}" for pair, share in shares if share >= SMALL_SHARE]
    return ", ".join(shown)


def _curve_lines(tuned: Sequence[Advice], saved: Saved) -> Iterator[str]:
    """The curve of the first of these presets; the others differ in their third weight alone."""
    if not tuned:
        return
    points = tuned[0].curve
    advised = {_nearest(points, one.ratio): one.preset for one in reversed(tuned)}
    shown = sorted({*range(0, len(points), EVERY), len(points) - 1, *advised})
    worst = min(points[at].result.accuracy for at in shown)
    best = max(points[at].result.accuracy for at in shown)
    yield ""
    yield f"accuracy over {saved}, the curve of {tuned[0].preset}: answered right"
    for at in shown:
        result = points[at].result
        place = round((STRIP - 1) * (result.accuracy - worst) / (best - worst or 1.0))
        spent = (
            f"{result.cost_share:6.1%} of the cost"
            if saved == "cost" or result.total_ms is None
            else f"{result.total_ms:7.0f} ms"
        )
        strip = f"{'·' * place}●{' ' * (STRIP - 1 - place)}"
        mark = f"  {advised[at]}" if at in advised else ""
        yield f"  {_ratio(points[at].ratio):>6} {strip} {result.accuracy:6.1%} {spent}{mark}"


def _nearest(points: Sequence[Point], ratio: float) -> int:
    """Curves of several presets have nearly the same ratios."""
    later = [at for at, point in enumerate(points) if point.ratio >= ratio]
    return later[0] if later else len(points) - 1


def _certainty_lines(curve: CertaintyCurve) -> Iterator[str]:
    from profiles.tuning.certainty import KEPT

    floors = ", ".join(f"{floor:g}" for floor in curve.floors)
    if not any(point.reachable for point in curve.points):
        yield f"certainty: no single pair reaches any of the floors {floors}: give lower --floors"
        return
    yield f"certainty: floors {floors}, kept in {curve.splits} random splits of 60 to 40"
    for point in curve.points:
        yield (
            f"  {point.certainty:+4.1f} {point.share:6.1%} of {point.reachable} cells, "
            f"{point.worst:6.1%} in the worst split, {KEPT:.0%} of them in {point.complying:4.0%} "
            f"of splits, {1e3 * point.usd:.4f} $/1k"
        )
    if curve.least is None:
        yield f"  none keeps {KEPT:.0%} of the cells"
    else:
        yield (
            f"  {curve.least:g} is the least that keeps {KEPT:.0%} of the cells: "
            f"`quantroute train --certainty {curve.least:g}`"
        )


def _guard_lines(guard: GuardCurve | None, lose: float) -> Iterator[str]:
    if guard is None:
        yield "numeric guard: which pairs have FP8 activations is not known without --fleet"
    elif not guard.fp8_pairs:
        yield "numeric guard: no pair has FP8 activations, so there is nothing to keep off them"
    elif not guard.points:
        yield "numeric guard: prompts have no pair to go to but those with FP8 activations"
    else:
        yield f"numeric guard: keeps prompts off {', '.join(guard.fp8_pairs)}, weighed as balanced"
        for point in guard.points:
            yield _row(f"  above {point.share:g}: {point.kept_off:,} kept off", point.result)
        yield f"  {guard.widest(lose):g} guards least without a loss of {100 * lose:g} points"


def tuning_document(tuning: Tuning) -> str:
    """A `ratio` of `null` is all weight on accuracy."""
    document = {
        "pairs": list(tuning.pairs),
        "reference_pair": tuning.reference,
        "prompts": tuning.prompts,
        "lose": tuning.lose,
        "notes": list(tuning.notes),
        "weights": {preset: asdict(one) for preset, one in tuning.weights.items()},
        "untuned": list(tuning.untuned),
        "yaml": weights_yaml(tuning.weights),
        "marks": {name: asdict(result) for name, result in tuning.marks.items()},
        "presets": {one.preset: _advice(one, tuning.lose) for one in tuning.presets},
        "certainty": _certainty(tuning.certainty),
        "numeric_guard": None if tuning.guard is None else _guard(tuning.guard, tuning.lose),
    }
    return json.dumps(document, indent=2, allow_nan=False)


def _advice(one: Advice, lose: float) -> dict[str, object]:
    return {
        **asdict(one),
        "ratio": _finite(one.ratio),
        "ratios_aside": [_finite(ratio) for ratio in one.ratios_aside],
        "curve": [{**asdict(point), "ratio": _finite(point.ratio)} for point in one.curve],
        "interval_rules_out_more_loss": one.rules_out_more_loss_than(lose),
    }


def _certainty(curve: CertaintyCurve) -> dict[str, object]:
    return {
        **asdict(curve),
        "points": [{**asdict(point), "share": point.share} for point in curve.points],
        "least": curve.least,
    }


def _guard(guard: GuardCurve, lose: float) -> dict[str, object]:
    return {**asdict(guard), "widest": guard.widest(lose)}


def _finite(ratio: float) -> float | None:
    return ratio if isfinite(ratio) else None


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
    from profiles.training.outcomes import OutcomesUnusable
    from profiles.tuning.plot import draw
    from profiles.tuning.tune import TuningPlan
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
    from serve_app.classifier.heuristics import classify_sync

    return tune_fleet(plan, fleet, local=classify_sync, progress=tell)


def _tune_priced(plan: TuningPlan, prices: Path | None, reference: str | None) -> Tuning:
    from profiles.router_eval.prices import read_prices
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
    from serve_app.core.errors import CatalogError
    from serve_app.settings.config_file import ConfigFileError, read_config

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
