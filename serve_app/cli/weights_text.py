"""Tuned weights as people read them in a terminal, and as YAML for the fleet file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from profiles.tuning.certainty import KEPT
from serve_app.core.policy import Weights
from serve_app.core.request import Preset

if TYPE_CHECKING:
    from profiles.tuning.answers import Saved
    from profiles.tuning.certainty import CertaintyCurve
    from profiles.tuning.guard import GuardCurve
    from profiles.tuning.presets import Advice
    from profiles.tuning.sweep import Point, Result
    from profiles.tuning.tune import Tuning

STRIP = 36
EVERY = 3
SMALL_SHARE = 0.005
HEAD = f"{'':34} {'right':>6} {'points against reference':>26} {'$/1k':>9} {'of its cost':>11}"


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
        yield "  not told apart from the weights in use: keep those"


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
