"""Reading a measured latency surface between, below and beyond its points."""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from statistics import NormalDist
from typing import NamedTuple

from serve_app.core.profile import Grid, LatencySurface, Quantiles

STANDARD_NORMAL = NormalDist()
Z95 = STANDARD_NORMAL.inv_cdf(0.95)
Z99 = STANDARD_NORMAL.inv_cdf(0.99)


# A place on an axis: between the points `low` and `high`, or a share over 1 beyond the last.
Span = tuple[int, int, float]


class Latency(NamedTuple):
    """The values of a surface at one point: medians, and the asked quantile, never below them."""

    ttft_p50_ms: float
    ttft_ms: float
    tpot_p50_ms: float
    tpot_ms: float


# All pairs of a request are read at the same quantile, and most requests at the fleet's.
@lru_cache(maxsize=64)
def z_score(quantile: float) -> float:
    return STANDARD_NORMAL.inv_cdf(quantile)


def read_surface(
    surface: LatencySurface, *, concurrency: float, prompt_tokens: int, z: float
) -> Latency:
    """TTFT and TPOT at any load and prompt length, measured there or not.

    Inside the grid it is bilinear; below it the edge holds; beyond it the last slope goes on,
    but never down. Between p50, p95 and p99 it is linear in `z`, the quantile's normal score.
    """
    rows = _locate(surface.concurrency, concurrency)
    columns = _locate(surface.prompt_tokens, prompt_tokens)
    ttft_p50_ms, ttft_ms = _read(surface.ttft_ms, rows, columns, z)
    tpot_p50_ms, tpot_ms = _read(surface.tpot_ms, rows, columns, z)
    return Latency(ttft_p50_ms, ttft_ms, tpot_p50_ms, tpot_ms)


def _locate(axis: tuple[int, ...], value: float) -> Span:
    if value <= axis[0] or len(axis) == 1:
        return 0, 0, 0.0
    high = bisect_right(axis, value, 0, len(axis) - 1)
    start = axis[high - 1]
    return high - 1, high, (value - start) / (axis[high] - start)


def _read(quantiles: Quantiles, rows: Span, columns: Span, z: float) -> tuple[float, float]:
    """The median and the value at `z`."""
    p50 = _interpolate(quantiles.p50, rows, columns)
    if z <= 0.0:
        return p50, p50
    p95 = _interpolate(quantiles.p95, rows, columns)
    # Extrapolated slopes may cross although the measured quantiles do not.
    if p95 < p50:
        p95 = p50
    if z <= Z95:
        return p50, p50 + (p95 - p50) * (z / Z95)
    p99 = _interpolate(quantiles.p99, rows, columns)
    if p99 < p95:
        p99 = p95
    return p50, p95 + (p99 - p95) * ((z - Z95) / (Z99 - Z95))


def _interpolate(grid: Grid, rows: Span, columns: Span) -> float:
    low, high, down = rows
    left, right, across = columns
    upper, lower = grid[low], grid[high]
    near = upper[left] + (lower[left] - upper[left]) * down
    far = upper[right] + (lower[right] - upper[right]) * down
    if down > 1.0:
        near, far = max(near, lower[left]), max(far, lower[right])
    if across > 1.0 and far < near:
        return far
    return near + (far - near) * across
