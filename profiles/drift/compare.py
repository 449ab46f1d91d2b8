"""A profile against an earlier one of the same pair: what moved beyond its interval. Pure.

Median latencies are compared at the loads that both have.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import exp, fsum, log, sqrt
from typing import NamedTuple

from profiles.drift.change import Change, PairDrift, Tolerances
from profiles.publishing.floor import upper_end
from serve_app.core.profile import ErrorGrid, Grid, LatencySurface, Profile, TaskAccuracy

MS_DIGITS = 3
BYTES_PER_GIB = 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class _Median:
    """One median in both measurements, each with half of its 95 % interval."""

    place: str
    before: float
    after: float
    before_error: float
    after_error: float


def shared_loads(before: LatencySurface, after: LatencySurface) -> tuple[tuple[int, int], ...]:
    """Concurrency and prompt length of every point that both surfaces measured."""
    levels = [level for level in after.concurrency if level in before.concurrency]
    lengths = [length for length in after.prompt_tokens if length in before.prompt_tokens]
    return tuple(product(levels, lengths))


def latency_changes(
    before: LatencySurface, after: LatencySurface, tolerances: Tolerances
) -> Iterator[Change]:
    """Medians that lie farther apart than their intervals and than the tolerance.

    Both, because a very sure median may move by nothing that matters, and one of few samples by
    much that does not. All loads together come first: a slowdown everywhere shows there although
    no single median is sure of it.
    """
    old, new = before.median_error, after.median_error
    sure = old is not None and new is not None
    tolerance = tolerances.latency if sure else tolerances.latency_unsure
    for name, grids, errors in (
        (
            "TTFT p50",
            (before.ttft_ms.p50, after.ttft_ms.p50),
            (old.ttft_ms if old else None, new.ttft_ms if new else None),
        ),
        (
            "TPOT p50",
            (before.tpot_ms.p50, after.tpot_ms.p50),
            (old.tpot_ms if old else None, new.tpot_ms if new else None),
        ),
    ):
        medians = [
            _median(load, (before, after), grids, errors) for load in shared_loads(before, after)
        ]
        together = [_together(medians)] if len(medians) > 1 else []
        for median in (*together, *medians):
            noise = median.before_error + median.after_error
            further = abs(median.after - median.before)
            if further > max(noise, median.before * tolerance):
                yield _change(name, median, tolerances)


def _change(name: str, median: _Median, tolerances: Tolerances) -> Change:
    return Change(
        quantity=name,
        place=median.place,
        before=median.before,
        after=median.after,
        unit="ms",
        direction="worse" if median.after > median.before else "better",
        demotes=median.after > median.before * (1 + tolerances.demote),
    )


def _median(
    load: tuple[int, int],
    surfaces: tuple[LatencySurface, LatencySurface],
    grids: tuple[Grid, Grid],
    errors: tuple[ErrorGrid | None, ErrorGrid | None],
) -> _Median:
    level, length = load
    rows = [surface.concurrency.index(level) for surface in surfaces]
    columns = [surface.prompt_tokens.index(length) for surface in surfaces]
    was, now = (grid[row][column] for grid, row, column in zip(grids, rows, columns, strict=True))
    was_error, now_error = (
        0.0 if error is None else error[row][column]
        for error, row, column in zip(errors, rows, columns, strict=True)
    )
    return _Median(
        place=f"at {level} at once with {length} prompt tokens",
        before=was,
        after=now,
        before_error=was_error,
        after_error=now_error,
    )


def _together(medians: Sequence[_Median]) -> _Median:
    """The geometric means: errors of many loads largely cancel each other."""
    count = len(medians)
    before = round(exp(fsum(log(median.before) for median in medians) / count), MS_DIGITS)
    after = round(exp(fsum(log(median.after) for median in medians) / count), MS_DIGITS)
    before_shares = (median.before_error / median.before for median in medians)
    after_shares = (median.after_error / median.after for median in medians)
    return _Median(
        place=f"over all {count} loads",
        before=before,
        after=after,
        before_error=before * sqrt(fsum(share**2 for share in before_shares)) / count,
        after_error=after * sqrt(fsum(share**2 for share in after_shares)) / count,
    )


class Scalar(NamedTuple):
    """A figure that has no interval: it moves when it is off by more than `tolerance`."""

    quantity: str
    before: float | None
    after: float | None
    unit: str
    tolerance: float
    more_is_better: bool = False
    may_demote: bool = False


def compare(before: Profile, after: Profile, tolerances: Tolerances) -> PairDrift:
    """Latency, throughput, accuracy, cold start and memory, each where both can be compared."""
    notes: list[str] = []
    changes: list[Change] = []
    if _where(before) != _where(after):
        notes.append(f"measured on {_where(after)}, before on {_where(before)}: speed not compared")
    else:
        if not shared_loads(before.latency, after.latency):
            notes.append("measured at other loads than before: latency not compared")
        changes += latency_changes(before.latency, after.latency, tolerances)
        changes += _scalar_changes(before, after, tolerances)
    if _questions(before) != _questions(after):
        notes.append("evaluated on other questions than before: accuracy not compared")
    else:
        changes += _accuracy_changes(before, after)
    if before.engine_version != after.engine_version:
        notes.append(f"engine {before.engine_version} -> {after.engine_version}")
    return PairDrift(pair=after.pair, changes=tuple(changes), notes=tuple(notes))


def _where(profile: Profile) -> str:
    return f"{profile.hardware.count:g} x {profile.hardware.accelerator}"


def _questions(profile: Profile) -> str:
    """What names the evaluation set; older profiles say only how many items it had."""
    return profile.provenance.evaluation or f"{profile.accuracy['overall'].items} items"


def _scalar_changes(before: Profile, after: Profile, tolerances: Tolerances) -> Iterator[Change]:
    for scalar in _scalars(before, after, tolerances):
        was, now = scalar.before, scalar.after
        if was is None or now is None or abs(now - was) <= was * scalar.tolerance:
            continue
        better = (now > was) == scalar.more_is_better
        yield Change(
            quantity=scalar.quantity,
            place="",
            before=was,
            after=now,
            unit=scalar.unit,
            direction="better" if better else "worse",
            demotes=scalar.may_demote and now < was * (1 - tolerances.demote),
        )


def _scalars(before: Profile, after: Profile, tolerances: Tolerances) -> tuple[Scalar, ...]:
    """Only what a request feels may demote a pair."""
    old, new, rate = before.throughput, after.throughput, tolerances.throughput
    memory = tolerances.memory
    return (
        Scalar(
            "prefill",
            old.prefill_tokens_per_s,
            new.prefill_tokens_per_s,
            "tokens/s",
            rate,
            more_is_better=True,
            may_demote=True,
        ),
        Scalar(
            "highest output rate",
            max(old.decode_tokens_per_s),
            max(new.decode_tokens_per_s),
            "tokens/s",
            rate,
            more_is_better=True,
            may_demote=True,
        ),
        Scalar("cold start", before.cold_start_s, after.cold_start_s, "s", tolerances.cold_start),
        Scalar(
            "peak memory",
            before.memory.peak_bytes / BYTES_PER_GIB,
            after.memory.peak_bytes / BYTES_PER_GIB,
            "GiB",
            memory,
        ),
        Scalar(
            "KV cache",
            before.memory.kv_cache_tokens,
            after.memory.kv_cache_tokens,
            "tokens",
            memory,
            more_is_better=True,
        ),
    )


def _accuracy_changes(before: Profile, after: Profile) -> Iterator[Change]:
    for scope, new in after.accuracy.items():
        old = before.accuracy.get(scope)
        if old is None:
            continue
        lower, upper = _difference(old, new)
        if lower > 0 or upper < 0:
            yield Change(
                quantity=f"accuracy {scope}",
                place="",
                before=old.mean,
                after=new.mean,
                unit="",
                direction="better" if lower > 0 else "worse",
                demotes=upper < 0,
            )


def _difference(before: TaskAccuracy, after: TaskAccuracy) -> tuple[float, float]:
    """The 95 % interval of `after - before`, from both intervals.

    R. G. Newcombe, "Interval estimation for the difference between independent proportions",
    Statistics in Medicine 17 (1998), 873-890, method 10. The items are the same ones, so the true
    interval is narrower: what it calls moved has moved.
    """
    change = after.mean - before.mean
    down = sqrt((after.mean - after.lower) ** 2 + (upper_end(before) - before.mean) ** 2)
    up = sqrt((upper_end(after) - after.mean) ** 2 + (before.mean - before.lower) ** 2)
    return change - down, change + up
