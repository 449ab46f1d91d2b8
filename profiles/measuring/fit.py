"""Samples -> profile. Pure: no clock, no process, no file.

Quantiles are those of the samples, linear between two of them. Nothing is smoothed between grid
points: where noise makes a busier point faster, the profile says so, and readers decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median, quantiles

from profiles.evaluation.run import Accuracy
from profiles.failures import MeasurementUnusable
from profiles.measuring.loadgen import Point
from profiles.measuring.measurement import Measurement
from serve_app.core.profile import (
    Grid,
    LatencySurface,
    Profile,
    Provenance,
    Quantiles,
    Throughput,
)

FEWEST_SAMPLES = 8
# The share of the time a replica is expected to be busy; a convention, not a measurement.
UTILIZATION = 0.6
MS_DIGITS = 3


def fit_profile(
    measured: Measurement, *, parent: Accuracy | None, provenance: Provenance
) -> Profile:
    """The pair's profile. `parent` is the parent's accuracy on the same items, where known.

    Raises `MeasurementUnusable` when the samples are too few, failed, or contradict themselves.
    """
    pair = measured.spec.pair
    return Profile(
        pair=pair.id,
        model=pair.model,
        quantization=pair.quantization,
        engine="vllm",
        engine_version=measured.engine_version,
        hardware=pair.hardware,
        context_window=pair.context_window,
        max_concurrency=pair.max_concurrency,
        memory=measured.memory,
        cold_start_s=round(measured.cold_start_s, 1),
        capabilities=pair.capabilities,
        latency=fit_surface(measured.points),
        throughput=fit_throughput(measured.points),
        accuracy=measured.accuracy,
        tokens_ratio=round(measured.tokens_ratio, 4),
        parent=measured.spec.parent,
        relative_accuracy=_relative(measured.accuracy, parent),
        provenance=provenance,
    )


def fit_surface(points: Sequence[Point]) -> LatencySurface:
    """Latency quantiles over the grid that the points span."""
    for point in points:
        refuse_unusable(point)
    levels = tuple(sorted({point.concurrency for point in points}))
    lengths = tuple(sorted({point.prompt_tokens for point in points}))
    by_place = {(point.concurrency, point.prompt_tokens): point for point in points}
    rows = [[by_place[level, length] for length in lengths] for level in levels]
    return LatencySurface(
        concurrency=levels,
        prompt_tokens=lengths,
        ttft_ms=_quantiles([[point.ttft_ms for point in row] for row in rows]),
        tpot_ms=_quantiles([[point.tpot_ms for point in row] for row in rows]),
    )


def fit_throughput(points: Sequence[Point]) -> Throughput:
    """Rates of prompt and of output tokens.

    Output tokens are counted with the shortest prompts, where decoding has the engine nearly to
    itself; the time of long prompts is in the prefill rate.
    """
    shortest = min(point.prompt_tokens for point in points)
    rates = sorted(
        (point.concurrency, point.output_tokens_per_s)
        for point in points
        if point.prompt_tokens == shortest
    )
    return Throughput(
        prefill_tokens_per_s=round(_prefill_rate(points), 1),
        decode_tokens_per_s=tuple(round(rate, 2) for _, rate in rates),
        utilization=UTILIZATION,
    )


def _prefill_rate(points: Sequence[Point]) -> float:
    """Further prompt tokens over the further wait for the first token, one request at a time.

    A difference, so that what every request waits whatever its length does not count as prefill.
    """
    alone = min(point.concurrency for point in points)
    ordered = sorted(
        (point for point in points if point.concurrency == alone),
        key=lambda point: point.prompt_tokens,
    )
    short, long = ordered[0], ordered[-1]
    if short.prompt_tokens == long.prompt_tokens:
        raise MeasurementUnusable(
            f"the prefill rate needs two prompt lengths; only {short.prompt_tokens} tokens were "
            f"measured: add a second one"
        )
    waits_ms = [median(point.ttft_ms) for point in (short, long)]
    further_s = (waits_ms[1] - waits_ms[0]) / 1e3
    if further_s <= 0:
        raise MeasurementUnusable(
            f"{long.prompt_tokens}-token prompts got their first token after {waits_ms[1]:.1f} ms, "
            f"no later than {short.prompt_tokens}-token ones after {waits_ms[0]:.1f} ms: the "
            f"machine is too busy or the lengths are too close; measure again with longer prompts"
        )
    return (long.prompt_tokens - short.prompt_tokens) / further_s


def refuse_unusable(point: Point) -> None:
    """Raises `MeasurementUnusable` when requests failed or are too few for quantiles."""
    place = f"at concurrency {point.concurrency} with {point.prompt_tokens}-token prompts"
    if point.failed_requests:
        raise MeasurementUnusable(
            f"{point.failed_requests} requests failed {place}: see the engine's log"
        )
    if len(point.ttft_ms) < FEWEST_SAMPLES:
        raise MeasurementUnusable(
            f"{len(point.ttft_ms)} samples {place}, and a p95 needs at least {FEWEST_SAMPLES}: "
            f"measure more requests"
        )


def _quantiles(samples: Sequence[Sequence[Sequence[float]]]) -> Quantiles:
    percentiles = [[quantiles(cell, n=100, method="inclusive") for cell in row] for row in samples]

    def grid(percent: int) -> Grid:
        return tuple(
            tuple(round(cell[percent - 1], MS_DIGITS) for cell in row) for row in percentiles
        )

    return Quantiles(p50=grid(50), p95=grid(95), p99=grid(99))


def _relative(accuracy: Accuracy, parent: Accuracy | None) -> float | None:
    if parent is None or parent["overall"].mean == 0:
        return None
    return round(accuracy["overall"].mean / parent["overall"].mean, 4)
