"""Reading a measured latency surface between, below and beyond its points."""

from __future__ import annotations

from bisect import bisect_right
from statistics import NormalDist
from typing import NamedTuple

from serve_app.core.profile import Grid, LatencySurface, Quantiles

STANDARD_NORMAL = NormalDist()
Z95 = STANDARD_NORMAL.inv_cdf(0.95)
Z99 = STANDARD_NORMAL.inv_cdf(0.99)


class Span(NamedTuple):
    """A place on an axis: between two of its points, or a `share` over 1 beyond the last."""

    low: int
    high: int
    share: float


class Reading(NamedTuple):
    """One quantity at its median and at the asked quantile, which is never below it."""

    p50: float
    at_quantile: float


class Latency(NamedTuple):
    """What a surface says at one point."""

    ttft_ms: Reading
    tpot_ms: Reading


def read_surface(
    surface: LatencySurface, *, concurrency: float, prompt_tokens: int, quantile: float
) -> Latency:
    """TTFT and TPOT at any load and prompt length, measured there or not.

    Inside the grid it is bilinear; below it the edge holds; beyond it the last slope goes on,
    but never down. Between p50, p95 and p99 it is linear in the normal z-score.
    """
    rows = locate(surface.concurrency, concurrency)
    columns = locate(surface.prompt_tokens, prompt_tokens)
    z = STANDARD_NORMAL.inv_cdf(quantile)
    return Latency(
        _read(surface.ttft_ms, rows, columns, z), _read(surface.tpot_ms, rows, columns, z)
    )


def locate(axis: tuple[int, ...], value: float) -> Span:
    last = len(axis) - 1
    if last == 0 or value <= axis[0]:
        return Span(0, 0, 0.0)
    high = min(bisect_right(axis, value), last)
    start = axis[high - 1]
    return Span(high - 1, high, (value - start) / (axis[high] - start))


def _read(quantiles: Quantiles, rows: Span, columns: Span, z: float) -> Reading:
    p50 = _interpolate(quantiles.p50, rows, columns)
    # Extrapolated slopes may cross although the measured quantiles do not.
    p95 = max(p50, _interpolate(quantiles.p95, rows, columns))
    if z <= Z95:
        return Reading(p50, p50 + (p95 - p50) * (z / Z95))
    p99 = max(p95, _interpolate(quantiles.p99, rows, columns))
    return Reading(p50, p95 + (p99 - p95) * ((z - Z95) / (Z99 - Z95)))


def _interpolate(grid: Grid, rows: Span, columns: Span) -> float:
    low, high, down = rows
    left, right, across = columns
    upper, lower = grid[low], grid[high]
    return _along(
        _along(upper[left], lower[left], down), _along(upper[right], lower[right], down), across
    )


def _along(start: float, end: float, share: float) -> float:
    if share > 1.0 and end < start:
        return end
    return start + (end - start) * share
