"""Histograms of context lengths: merged, and read between the edges of their buckets. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from math import inf, isinf

# What a quantile may miss of a count without being in the next bucket: counts come as floats.
SLACK = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Cumulative counts by the upper edges of their buckets; the last edge is infinite.

    Raises `ValueError` when counts fall, as they then are not cumulative.
    """

    edges: tuple[float, ...]
    counts: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.edges or not isinf(self.edges[-1]) or list(self.edges) != sorted(self.edges):
            raise ValueError(f"edges {self.edges} should rise to +Inf")
        if len(self.counts) != len(self.edges) or list(self.counts) != sorted(self.counts):
            raise ValueError(f"counts {self.counts} should rise, one for each of {self.edges}")

    @classmethod
    def of(cls, buckets: Mapping[float, float]) -> Histogram:
        """From cumulative counts by upper edge, in any order."""
        edges = tuple(sorted(buckets))
        return cls(edges=edges, counts=tuple(buckets[edge] for edge in edges))

    @property
    def seen(self) -> float:
        return self.counts[-1]

    def quantile(self, share: float) -> float:
        """The length that `share` of all stay under, linear within its bucket.

        Infinite when it lies beyond the last finite edge.
        """
        index = self._bucket(share)
        high = self.edges[index]
        if isinf(high):
            return inf
        low, before = (self.edges[index - 1], self.counts[index - 1]) if index else (0.0, 0.0)
        inside = self.counts[index] - before
        return low + (high - low) * (share * self.seen - before) / inside if inside else high

    def edge_of(self, share: float) -> float:
        """An upper bound of `quantile`: the edge of the bucket that it lies in."""
        return self.edges[self._bucket(share)]

    def share_above(self, tokens: float) -> float:
        """At most this share is longer: all that may be, as only edges are known."""
        below = [c for edge, c in zip(self.edges, self.counts, strict=True) if edge <= tokens]
        return 1.0 - (below[-1] if below else 0.0) / self.seen

    def _bucket(self, share: float) -> int:
        """The first bucket whose count reaches `share` of all."""
        wanted = share * self.seen * (1 - SLACK)
        return next(i for i, count in enumerate(self.counts) if count >= wanted and count > 0)


def merged(histograms: Iterable[Histogram]) -> Histogram:
    """The sum of several. Raises `ValueError` when their edges differ."""
    return reduce(_added, histograms)


def _added(one: Histogram, other: Histogram) -> Histogram:
    if one.edges != other.edges:
        raise ValueError(
            f"buckets differ: {len(one.edges)} edges up to {one.edges[-2:]} and "
            f"{len(other.edges)} up to {other.edges[-2:]}; read routers of one version only"
        )
    counts = tuple(a + b for a, b in zip(one.counts, other.counts, strict=True))
    return Histogram(edges=one.edges, counts=counts)
