"""What types alone cannot say of a profile: whether its numbers agree with each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from math import isfinite

from serve_app.core.profile import (
    Grid,
    LatencySurface,
    MedianError,
    PairedAccuracy,
    Profile,
    Quantiles,
    TaskAccuracy,
    Throughput,
)


def profile_problems(profile: Profile) -> tuple[str, ...]:
    """One line for each thing wrong, opening with the field's path; empty for a sound profile."""
    return tuple(
        chain(
            _number_problems(profile),
            surface_problems(profile.latency, profile.throughput),
            _accuracy_problems(profile),
            _context_problems(profile),
        )
    )


def surface_problems(surface: LatencySurface, throughput: Throughput) -> tuple[str, ...]:
    """What makes a surface unreadable or impossible."""
    axes = {"concurrency": surface.concurrency, "prompt_tokens": surface.prompt_tokens}
    rows, columns = len(surface.concurrency), len(surface.prompt_tokens)
    problems = [
        f"latency.{name}: {list(axis)} must be strictly ascending"
        for name, axis in axes.items()
        if any(later <= earlier for earlier, later in pairwise(axis))
    ]
    quantities = {
        "ttft_ms": surface.ttft_ms,
        "tpot_ms": surface.tpot_ms,
        "e2e_ms": surface.e2e_ms,
    }
    for name, quantiles in quantities.items():
        if quantiles is None:
            continue
        path = f"latency.{name}"
        shape = tuple(_shape_problems(path, quantiles, rows=rows, columns=columns))
        problems += shape or _value_problems(path, quantiles)
    if surface.median_error is not None:
        problems += _error_problems(surface.median_error, rows=rows, columns=columns)
    if (surface.e2e_ms is None) != (surface.output_tokens is None):
        problems.append("latency: e2e_ms and output_tokens stand together or not at all")
    rates = throughput.decode_tokens_per_s
    if len(rates) != rows:
        problems.append(
            f"throughput.decode_tokens_per_s: has {len(rates)} values; "
            f"latency.concurrency has {rows}, and each needs one"
        )
    return tuple(problems)


def _shape_problems(path: str, quantiles: Quantiles, *, rows: int, columns: int) -> Iterator[str]:
    for name, grid in _grids(quantiles):
        yield from _grid_problems(f"{path}.{name}", grid, rows=rows, columns=columns)


def _grid_problems(
    path: str, grid: Sequence[Sequence[float]], *, rows: int, columns: int
) -> Iterator[str]:
    if len(grid) != rows:
        yield f"{path}: has {len(grid)} rows; latency.concurrency has {rows} values"
    for index, row in enumerate(grid):
        if len(row) != columns:
            yield (f"{path}[{index}]: has {len(row)} values; latency.prompt_tokens has {columns}")


def _error_problems(error: MedianError, *, rows: int, columns: int) -> Iterator[str]:
    grids = {"ttft_ms": error.ttft_ms, "tpot_ms": error.tpot_ms, "samples": error.samples}
    for name, grid in grids.items():
        path = f"latency.median_error.{name}"
        yield from _grid_problems(path, grid, rows=rows, columns=columns)
        for row, column, value in _cells(grid):
            if not isfinite(value):
                yield f"{path}[{row}][{column}]: {value} is not a finite number"


def _value_problems(path: str, quantiles: Quantiles) -> Iterator[str]:
    for name, grid in _grids(quantiles):
        for row, column, value in _cells(grid):
            if not isfinite(value):
                yield f"{path}.{name}[{row}][{column}]: {value} is not a finite number"
    for (low_name, low), (high_name, high) in pairwise(_grids(quantiles)):
        for row, column, value in _cells(high):
            if value < low[row][column]:
                yield (
                    f"{path}.{high_name}[{row}][{column}]: {value:g} is below "
                    f"{low_name}, {low[row][column]:g}"
                )


def _grids(quantiles: Quantiles) -> tuple[tuple[str, Grid], ...]:
    return ("p50", quantiles.p50), ("p95", quantiles.p95), ("p99", quantiles.p99)


def _cells(grid: Sequence[Sequence[float]]) -> Iterator[tuple[int, int, float]]:
    for row, values in enumerate(grid):
        for column, value in enumerate(values):
            yield row, column, value


def _number_problems(profile: Profile) -> Iterator[str]:
    numbers = {
        "quantization.weight_bits": profile.quantization.weight_bits,
        "hardware.count": profile.hardware.count,
        "hardware.usd_per_hour": profile.hardware.usd_per_hour,
        "cold_start_s": profile.cold_start_s,
        "tokens_ratio": profile.tokens_ratio,
        "relative_accuracy": profile.relative_accuracy,
        "throughput.prefill_tokens_per_s": profile.throughput.prefill_tokens_per_s,
        "throughput.utilization": profile.throughput.utilization,
    }
    for index, rate in enumerate(profile.throughput.decode_tokens_per_s):
        numbers[f"throughput.decode_tokens_per_s[{index}]"] = rate
    for path, number in numbers.items():
        if number is not None and not isfinite(number):
            yield f"{path}: {number} is not a finite number"


def _accuracy_problems(profile: Profile) -> Iterator[str]:
    if "overall" not in profile.accuracy:
        yield f"accuracy: has {sorted(profile.accuracy)} but not 'overall', over all items"
    yield from _interval_problems(profile)
    if profile.against_parent and profile.parent is None:
        yield "against_parent: there is no parent to be compared with; give parent"


def _intervals(profile: Profile) -> Iterator[tuple[str, str, float, TaskAccuracy | PairedAccuracy]]:
    """Each interval's path, and the name and value of what lies between its ends."""
    for path, values in (
        ("accuracy", profile.accuracy),
        ("accuracy_by_difficulty", profile.accuracy_by_difficulty),
        ("benchmarks", profile.benchmarks),
    ):
        for name, accuracy in values.items():
            yield f"{path}.{name}", "mean", accuracy.mean, accuracy
    for task, paired in profile.against_parent.items():
        yield f"against_parent.{task}", "change", paired.change, paired


def _interval_problems(profile: Profile) -> Iterator[str]:
    for path, middle, mean, value in _intervals(profile):
        named = (("lower", value.lower), (middle, mean), ("upper", value.upper))
        for part, number in named:
            if not isfinite(number):
                yield f"{path}.{part}: {number} is not a finite number"
        for (low_name, low), (high_name, high) in pairwise(named):
            if low > high:
                yield f"{path}: {low_name} {low:g} is above {high_name} {high:g}"


def _context_problems(profile: Profile) -> Iterator[str]:
    longest = max(profile.latency.prompt_tokens)
    if longest >= profile.context_window:
        yield (
            f"context_window: {profile.context_window} tokens leave no room for an answer to the "
            f"longest measured prompt, {longest} tokens"
        )
