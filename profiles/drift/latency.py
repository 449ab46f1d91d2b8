"""Median latencies of two measurements, at the loads that both have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import exp, fsum, log, sqrt

from profiles.drift.move import Move
from profiles.drift.tolerance import Tolerances
from serve_app.core.profile import ErrorGrid, Grid, LatencySurface

MS_DIGITS = 3


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


def latency_moves(
    before: LatencySurface, after: LatencySurface, tolerances: Tolerances
) -> Iterator[Move]:
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
                yield _move(name, median, tolerances)


def _move(name: str, median: _Median, tolerances: Tolerances) -> Move:
    return Move(
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
