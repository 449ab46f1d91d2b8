"""`quantroute tune weights`: what the utility's terms should weigh, from graded answers.

The weights are printed for people, as YAML for the fleet file, or as one JSON document.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from profiles.cli.fleet_options import fleet_args
from profiles.cli.options import JsonOption, SeedOption, fail, failing_on, shares, tell
from profiles.cli.store_options import StoreOption, target
from serve_app.core.errors import CatalogError, SuccessModelRefused

if TYPE_CHECKING:
    from profiles.tuning.certainty import CertaintyCurve
    from profiles.tuning.numeric_guard import GuardCurve
    from profiles.tuning.presets import Advice
    from profiles.tuning.sweep import Result
    from profiles.tuning.tune import Tuning
    from serve_app.core.policy import Weights
    from serve_app.core.request import Preset

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
    """The marks to compare with, advice, curves, certainty, numeric guard and the block."""
    yield f"{tuning.prompts:,} prompts, reference pair {tuning.reference}"
    yield from tuning.notes
    latency_known = any(result.total_ms is not None for result in tuning.marks.values())
    yield f"{HEAD} {'ms':>7}" if latency_known else HEAD
    for name, result in tuning.marks.items():
        yield _row(name, result)
    for advice in tuning.presets:
        yield from ("", *_advice_lines(advice, tuning.lose))
    for saved in ("cost", "latency"):
        if alike := [one for one in tuning.presets if one.saved == saved]:
            yield from ("", *_curve_lines(alike))
    yield from ("", *_certainty_lines(tuning.certainty))
    yield from ("", *_guard_lines(tuning.guard, tuning.lose), "")
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
    if one.rules_out_more_loss_than(lose):
        loss = f"rules out a loss of more than {100 * lose:g} points"
    else:
        most = -100 * one.aside.change_interval.lower
        loss = f"allows a loss of up to {most:.2f} points: more than {100 * lose:g}"
    if one.bounds_loss:
        yield f"  the interval {loss}"
    low, high = min(one.ratios_aside), max(one.ratios_aside)
    yield (
        f"  accuracy weighs {one.ratio:.3g} times {one.saved}; without each part in turn, "
        f"{low:.3g} to {high:.3g}"
    )
    most_used = sorted(one.same.pairs.items(), key=lambda entry: -entry[1])
    used = [f"{pair} {share:.1%}" for pair, share in most_used if share >= SMALL_SHARE]
    yield f"  goes to {', '.join(used)}"
    if not one.told_apart:
        yield "  no clear difference from the weights in use: keep those"


def _weights(weights: Weights) -> str:
    return f"{weights.accuracy:g} {weights.latency:g} {weights.cost:g}"


def _curve_lines(tuned: Sequence[Advice]) -> Iterator[str]:
    """The curve of the first of these presets; the others differ in their third weight alone."""
    saved, points = tuned[0].saved, tuned[0].curve
    # Curves of several presets have nearly the same ratios, in rising order.
    ratios, last = [point.ratio for point in points], len(points) - 1
    advised = {min(bisect_left(ratios, one.ratio), last): one.preset for one in reversed(tuned)}
    shown = sorted({*range(0, len(points), EVERY), last, *advised})
    accuracies = [points[at].result.accuracy for at in shown]
    worst, best = min(accuracies), max(accuracies)
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
        yield f"  {points[at].ratio:>6.3g} {strip} {result.accuracy:6.1%} {spent}{mark}"


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
    certainty, guard = tuning.certainty, tuning.guard
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
        "presets": {
            one.preset: {
                **asdict(one),
                "ratio": _finite(one.ratio),
                "ratios_aside": [_finite(ratio) for ratio in one.ratios_aside],
                "curve": [{**asdict(point), "ratio": _finite(point.ratio)} for point in one.curve],
                "interval_rules_out_more_loss": one.rules_out_more_loss_than(tuning.lose),
            }
            for one in tuning.presets
        },
        "certainty": {
            **asdict(certainty),
            "points": [{**asdict(point), "share": point.share} for point in certainty.points],
            "least": certainty.least,
        },
        "numeric_guard": (
            None if guard is None else {**asdict(guard), "widest": guard.widest(tuning.lose)}
        ),
    }
    return json.dumps(document, indent=2, allow_nan=False)


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
    seed: SeedOption = 0,
    plot: Annotated[Path | None, typer.Option(help="Draw the curves into this PNG or SVG.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Advise each preset's weights from graded answers, with the curve of accuracy against cost.

    Weights go through the router's own decision on prompts that the success model has not seen.
    Prints a `routing` block for the fleet file; changes nothing.
    """
    from profiles.router_eval.prices import read_prices
    from profiles.training.outcomes import OutcomesUnusable
    from profiles.tuning.fleet_case import FleetAtRest
    from profiles.tuning.plot import draw
    from profiles.tuning.tune import TuningPlan, tune_fleet, tune_priced
    from serve_app.classifier.heuristics import classify_sync
    from serve_app.settings.models import PRESETS

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
    with failing_on(OutcomesUnusable, SuccessModelRefused, OSError):
        if fleet is None:
            known = {**read_prices(), **(read_prices(prices) if prices else {})}
            tuning = tune_priced(plan, known, reference=reference, present=PRESETS, progress=tell)
        else:
            args = fleet_args(fleet)
            with failing_on(CatalogError, ValueError):
                catalog = target(store, fleet, None).catalog()
            at_rest = FleetAtRest(
                pairs=tuple(pair.pair for pair in args.pairs),
                catalog=catalog,
                policy=args.routing.policy,
                constraints=args.routing.defaults,
            )
            tuning = tune_fleet(plan, at_rest, local=classify_sync, progress=tell)
        if plot is not None:
            draw(tuning, plot)
    typer.echo(tuning_document(tuning) if as_json else "\n".join(tuning_lines(tuning)))
