"""What types alone cannot say of a profile: whether its numbers agree with each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from itertools import pairwise
from math import isfinite

from serve_app.core.profile import LatencySurface, Profile, Quantiles


def profile_problems(profile: Profile) -> tuple[str, ...]:
    """One line for each thing wrong, opening with the field's path; empty for a sound profile."""
    surface = profile.latency
    problems = [*_not_finite("", profile), *_surface_problems(surface)]
    rates, rows = profile.throughput.decode_tokens_per_s, len(surface.concurrency)
    if len(rates) != rows:
        problems.append(
            f"throughput.decode_tokens_per_s: has {len(rates)} values; "
            f"latency.concurrency has {rows}, and each needs one"
        )
    if "overall" not in profile.accuracy:
        problems.append(
            f"accuracy: has {sorted(profile.accuracy)} but not 'overall', over all items"
        )
    for path, accuracies in (
        ("accuracy", profile.accuracy),
        ("accuracy_by_difficulty", profile.accuracy_by_difficulty),
        ("benchmarks", profile.benchmarks),
    ):
        for name, accuracy in accuracies.items():
            ends = {"lower": accuracy.lower, "mean": accuracy.mean, "upper": accuracy.upper}
            problems += _disordered(f"{path}.{name}", ends)
    for task, paired in profile.against_parent.items():
        ends = {"lower": paired.lower, "change": paired.change, "upper": paired.upper}
        problems += _disordered(f"against_parent.{task}", ends)
    if profile.against_parent and profile.parent is None:
        problems.append("against_parent: there is no parent to be compared with; give parent")
    longest = max(surface.prompt_tokens)
    if longest >= profile.context_window:
        problems.append(
            f"context_window: {profile.context_window} tokens leave no room for an answer to the "
            f"longest measured prompt, {longest} tokens"
        )
    return tuple(problems)


def _not_finite(path: str, value: object) -> Iterator[str]:
    """Every infinity and NaN in `value`, at any depth, with its path."""
    if isinstance(value, float) and not isfinite(value):
        yield f"{path}: {value} is not a finite number"
    elif is_dataclass(value):
        for each in fields(value):
            name = f"{path}.{each.name}" if path else each.name
            yield from _not_finite(name, getattr(value, each.name))
    elif isinstance(value, Mapping):
        for key, held in value.items():
            yield from _not_finite(f"{path}.{key}", held)
    elif isinstance(value, tuple):
        for index, held in enumerate(value):
            yield from _not_finite(f"{path}[{index}]", held)


def _surface_problems(surface: LatencySurface) -> Iterator[str]:
    """What makes a surface unreadable or impossible."""
    for name in ("concurrency", "prompt_tokens"):
        axis: tuple[int, ...] = getattr(surface, name)
        if any(later <= earlier for earlier, later in pairwise(axis)):
            yield f"latency.{name}: {list(axis)} must be strictly ascending"
    for name in ("ttft_ms", "tpot_ms", "e2e_ms"):
        quantiles: Quantiles | None = getattr(surface, name)
        if quantiles is None:
            continue
        grids = {"p50": quantiles.p50, "p95": quantiles.p95, "p99": quantiles.p99}
        shape = [
            problem
            for quantile, grid in grids.items()
            for problem in _grid_problems(f"latency.{name}.{quantile}", grid, surface)
        ]
        yield from shape
        for (low_name, low), (high_name, high) in () if shape else pairwise(grids.items()):
            for row, values in enumerate(high):
                yield from (
                    f"latency.{name}.{high_name}[{row}][{column}]: {value:g} is below "
                    f"{low_name}, {low[row][column]:g}"
                    for column, value in enumerate(values)
                    if value < low[row][column]
                )
    if (error := surface.median_error) is not None:
        for name in ("ttft_ms", "tpot_ms", "samples"):
            yield from _grid_problems(f"latency.median_error.{name}", getattr(error, name), surface)
    if (surface.e2e_ms is None) != (surface.output_tokens is None):
        yield "latency: e2e_ms and output_tokens stand together or not at all"


def _grid_problems(
    path: str, grid: Sequence[Sequence[float]], surface: LatencySurface
) -> Iterator[str]:
    rows, columns = len(surface.concurrency), len(surface.prompt_tokens)
    if len(grid) != rows:
        yield f"{path}: has {len(grid)} rows; latency.concurrency has {rows} values"
    for index, row in enumerate(grid):
        if len(row) != columns:
            yield f"{path}[{index}]: has {len(row)} values; latency.prompt_tokens has {columns}"


def _disordered(path: str, ends: Mapping[str, float]) -> Iterator[str]:
    """What of an interval's lower end, middle and upper end is above the one after it."""
    for (low_name, low), (high_name, high) in pairwise(ends.items()):
        if low > high:
            yield f"{path}: {low_name} {low:g} is above {high_name} {high:g}"
