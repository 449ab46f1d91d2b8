"""Median latencies of two measurements, at the loads that both have."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from profiles.drift.move import Move
from profiles.drift.tolerance import Tolerances
from serve_app.core.profile import ErrorGrid, Grid, LatencySurface


def shared_loads(before: LatencySurface, after: LatencySurface) -> tuple[tuple[int, int], ...]:
    """Concurrency and prompt length of every point that both surfaces measured."""
    levels = [level for level in after.concurrency if level in before.concurrency]
    lengths = [length for length in after.prompt_tokens if length in before.prompt_tokens]
    return tuple(product(levels, lengths))


def latency_moves(
    before: LatencySurface, after: LatencySurface, tolerances: Tolerances
) -> Iterator[Move]:
    """Medians that lie farther apart than both their intervals, and than the tolerance.

    Both, because a very sure median may move by nothing that matters, and one of few samples by
    much that does not.
    """
    old, new = before.median_error, after.median_error
    sure = old is not None and new is not None
    quantities = (
        (
            "TTFT p50",
            before.ttft_ms.p50,
            after.ttft_ms.p50,
            old and old.ttft_ms,
            new and new.ttft_ms,
        ),
        (
            "TPOT p50",
            before.tpot_ms.p50,
            after.tpot_ms.p50,
            old and old.tpot_ms,
            new and new.tpot_ms,
        ),
    )
    tolerance = tolerances.latency if sure else tolerances.latency_unsure
    for name, old_grid, new_grid, old_error, new_error in quantities:
        for level, length in shared_loads(before, after):
            was_at, is_at = _place(before, level, length), _place(after, level, length)
            was, now = _at(old_grid, was_at), _at(new_grid, is_at)
            noise = (_at(old_error, was_at) if old_error else 0.0) + (
                _at(new_error, is_at) if new_error else 0.0
            )
            if abs(now - was) > max(noise, was * tolerance):
                yield Move(
                    quantity=name,
                    place=f"at {level} at once with {length} prompt tokens",
                    before=was,
                    after=now,
                    unit="ms",
                    direction="worse" if now > was else "better",
                    demotes=now > was * (1 + tolerances.demote),
                )


def _place(surface: LatencySurface, level: int, length: int) -> tuple[int, int]:
    return surface.concurrency.index(level), surface.prompt_tokens.index(length)


def _at(grid: Grid | ErrorGrid, place: tuple[int, int]) -> float:
    return grid[place[0]][place[1]]
