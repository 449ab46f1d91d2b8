"""Samples -> profile. `fit_profile` reads a finished run; the rest is pure.

Quantiles are those of the samples, linear between two of them. Nothing is smoothed between grid
points: where noise makes a busier point faster, the profile keeps it, and readers decide.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain
from statistics import fmean, median, quantiles
from typing import TypeVar

from profiles.checkpoint_files import tokens_ratio, weights_bytes
from profiles.errors import MeasurementUnusable
from profiles.evaluation import Outcome, paired_accuracy
from profiles.evaluation.accuracy import accuracy_by_difficulty, accuracy_by_scope
from profiles.profiling.engine import EngineSpec
from profiles.profiling.measure import PairPlan, tokenizer_folder
from profiles.profiling.point import FEWEST_SAMPLES, Point
from profiles.profiling.run_folder import RunFolder
from profiles.profiling.sweep import Sweep
from serve_app.core.profile import (
    Grid,
    LatencySurface,
    MedianError,
    Memory,
    Profile,
    Provenance,
    Quantiles,
    Throughput,
)

MS_DIGITS = 3

T = TypeVar("T")


def fit_profile(
    spec: EngineSpec,
    plan: PairPlan,
    folder: RunFolder,
    *,
    parent: Sequence[Outcome],
    utilization: float,
    provenance: Provenance,
) -> Profile:
    """The pair's profile from the run that `measure_pair` finished in `folder`.

    `parent` is its parent's outcomes on the same items, if known. `utilization` is the share of
    the time a replica is expected to be busy: prices per token follow from it. The machine of
    `provenance` is the one that the run names. Raises `MeasurementUnusable` when the samples are
    too few or contradict themselves.
    """
    engine, outcomes, benchmarks = folder.engine(), folder.outcomes(), folder.benchmarks()
    assert engine is not None
    points = Sweep(spec.pair, plan.grid, plan.rule, folder).points
    accuracy, parents = accuracy_by_scope(outcomes), accuracy_by_scope(parent)
    relative = None
    if "overall" in parents and parents["overall"].mean > 0:
        relative = round(accuracy["overall"].mean / parents["overall"].mean, 4)
    tokenizer = tokenizer_folder(spec, plan)
    texts = [message.content for item in plan.items for message in item.messages]
    pair = spec.pair
    return Profile(
        pair=pair.id,
        model=pair.model,
        quantization=pair.quantization,
        engine=engine.engine,
        engine_version=engine.engine_version,
        hardware=pair.hardware,
        context_window=pair.context_window,
        max_concurrency=pair.max_concurrency,
        memory=Memory(
            weights_bytes=0 if spec.endpoint else weights_bytes(tokenizer),
            kv_cache_bytes=engine.kv_cache_bytes,
            peak_bytes=engine.peak_bytes,
            peak_of=engine.peak_of,
            weights_loaded_bytes=engine.weights_loaded_bytes,
            kv_cache_tokens=engine.kv_cache_tokens,
        ),
        cold_start_s=round(engine.cold_start_s, 1),
        capabilities=pair.capabilities,
        latency=fit_surface(points),
        throughput=fit_throughput(points, utilization),
        accuracy=accuracy,
        accuracy_by_difficulty=accuracy_by_difficulty(outcomes),
        benchmarks={name: benchmarks[name] for name in plan.benchmarks},
        tokens_ratio=round(tokens_ratio(tokenizer, plan.reference_tokenizer, texts), 4),
        parent=spec.parent,
        relative_accuracy=relative,
        against_parent=paired_accuracy(outcomes, parent),
        provenance=replace(provenance, machine=engine.machine),
    )


def fit_surface(points: Sequence[Point]) -> LatencySurface:
    """Latency quantiles over the grid that the points span.

    Raises `MeasurementUnusable` when a point has too few samples for quantiles.
    """
    for point in points:
        if len(point.ttft_ms) < FEWEST_SAMPLES:
            raise MeasurementUnusable(
                f"{len(point.ttft_ms)} samples at concurrency {point.concurrency} with "
                f"{point.prompt_tokens}-token prompts, and a p95 needs at least {FEWEST_SAMPLES}: "
                f"measure more rounds"
            )
    levels = tuple(sorted({point.concurrency for point in points}))
    lengths = tuple(sorted({point.prompt_tokens for point in points}))
    by_place = {(point.concurrency, point.prompt_tokens): point for point in points}
    rows = [[by_place[level, length] for length in lengths] for level in levels]
    return LatencySurface(
        concurrency=levels,
        prompt_tokens=lengths,
        ttft_ms=_quantiles(rows, lambda point: point.ttft_ms),
        tpot_ms=_quantiles(rows, lambda point: point.tpot_ms),
        e2e_ms=_quantiles(rows, lambda point: point.e2e_ms),
        output_tokens=round(fmean(chain.from_iterable(point.output_tokens for point in points))),
        median_error=MedianError(
            ttft_ms=_cells(rows, lambda point: round(point.ttft_half_width_ms, MS_DIGITS)),
            tpot_ms=_cells(rows, lambda point: round(point.tpot_half_width_ms, MS_DIGITS)),
            samples=_cells(rows, lambda point: len(point.ttft_ms)),
        ),
    )


def fit_throughput(points: Sequence[Point], utilization: float) -> Throughput:
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
        utilization=utilization,
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


def _quantiles(
    rows: Sequence[Sequence[Point]], samples: Callable[[Point], tuple[float, ...]]
) -> Quantiles:
    percentiles = _cells(rows, lambda point: quantiles(samples(point), n=100, method="inclusive"))

    def grid(percent: int) -> Grid:
        return tuple(
            tuple(round(cell[percent - 1], MS_DIGITS) for cell in row) for row in percentiles
        )

    return Quantiles(p50=grid(50), p95=grid(95), p99=grid(99))


def _cells(
    rows: Sequence[Sequence[Point]], figure: Callable[[Point], T]
) -> tuple[tuple[T, ...], ...]:
    return tuple(tuple(figure(point) for point in row) for row in rows)
