"""Histograms of context lengths: read from routers or from Prometheus, and merged.

From routers' `/metrics` pages, or from a Prometheus server. Quantiles are read between the edges of
their buckets.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate, chain
from math import inf, isinf
from pathlib import Path
from typing import Literal

import httpx2
from prometheus_client.parser import text_string_to_metric_families
from pydantic import AliasPath, BaseModel, Field, ValidationError

# What a quantile may miss of a count without being in the next bucket: counts come as floats.
SLACK = 1e-9
METRIC = "quantroute_context_tokens"
TIMEOUT_S = 30.0


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
    first, *others = histograms
    for other in others:
        if other.edges != first.edges:
            raise ValueError(
                f"buckets differ: {len(first.edges)} edges up to {first.edges[-2:]} and "
                f"{len(other.edges)} up to {other.edges[-2:]}; read routers of one version only"
            )
    counts = zip(first.counts, *(other.counts for other in others), strict=True)
    return Histogram(edges=first.edges, counts=tuple(map(sum, counts)))


class AdviceError(Exception):
    """Traffic could not be read, or is empty."""


class TrafficUnreadable(AdviceError):
    """`source` gave no histograms. `cause` states why and what to do."""

    def __init__(self, source: str, cause: str) -> None:
        super().__init__(f"{source}: {cause}")


class CacheUnknown(AdviceError):
    """A checkpoint does not say what a token takes of the KV cache."""


Traffic = Mapping[str, Histogram]


def read_pages(sources: Iterable[str]) -> Traffic:
    """The histogram of every pair, summed over pages; a source is an address or a file.

    Raises `TrafficUnreadable`.
    """
    by_pair: dict[str, list[Histogram]] = defaultdict(list)
    for source in sources:
        for pair, histogram in _page(source).items():
            by_pair[pair].append(histogram)
    try:
        return {pair: merged(histograms) for pair, histograms in by_pair.items()}
    except ValueError as exc:
        raise TrafficUnreadable(METRIC, str(exc)) from exc


def read_prometheus(url: str, *, over: str) -> Traffic:
    """The histogram of every pair over the last `over`, such as `7d`, from a Prometheus server.

    Increases are summed over routers, so that restarts and replicas long gone count as well.
    Raises `TrafficUnreadable`.
    """
    query = f"sum by (pair, le) (increase({METRIC}_bucket[{over}]))"
    reply = _get(f"{url.rstrip('/')}/api/v1/query", {"query": query})
    try:
        answer = _Answer.model_validate_json(reply)
    except ValidationError as exc:
        raise TrafficUnreadable(url, f"does not answer as Prometheus does: {reply:.200}") from exc
    if answer.status == "error" or answer.result is None:
        raise TrafficUnreadable(url, f"Prometheus refuses the query: {answer.error}")
    buckets: dict[str, dict[float, float]] = defaultdict(dict)
    for series in answer.result:
        buckets[series.pair][series.le] = series.count
    for pair, edges in buckets.items():
        # Increases are extrapolated series by series and may cross by a hair.
        rising = accumulate((edges[edge] for edge in sorted(edges)), max)
        buckets[pair] = dict(zip(sorted(edges), rising, strict=True))
    return _histograms(url, buckets)


class _Series(BaseModel):
    pair: str = Field(validation_alias=AliasPath("metric", "pair"))
    le: float = Field(validation_alias=AliasPath("metric", "le"))
    count: float = Field(validation_alias=AliasPath("value", 1), allow_inf_nan=False)


class _Answer(BaseModel):
    """What `/api/v1/query` returns for an instant vector."""

    status: Literal["success", "error"]
    result: tuple[_Series, ...] | None = Field(None, validation_alias=AliasPath("data", "result"))
    error: str = ""


def _page(source: str) -> Traffic:
    try:
        web = source.startswith(("http://", "https://"))
        text = _get(source) if web else Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise TrafficUnreadable(source, f"cannot be read: {exc}") from exc
    buckets: dict[str, dict[float, float]] = defaultdict(dict)
    try:
        families = [one for one in text_string_to_metric_families(text) if one.name == METRIC]
        for sample in chain.from_iterable(family.samples for family in families):
            if sample.name == f"{METRIC}_bucket":
                buckets[sample.labels["pair"]][float(sample.labels["le"])] = sample.value
    except (ValueError, KeyError) as exc:
        raise TrafficUnreadable(
            source, f"is no page of metrics: {exc}; give a router's /metrics"
        ) from exc
    return _histograms(source, buckets)


def _histograms(source: str, buckets: Mapping[str, Mapping[float, float]]) -> Traffic:
    if not buckets:
        raise TrafficUnreadable(
            source, f"has no {METRIC}: has any request been answered, and is this a router?"
        )
    try:
        return {pair: Histogram.of(edges) for pair, edges in buckets.items()}
    except ValueError as exc:
        raise TrafficUnreadable(source, f"{METRIC} is no histogram: {exc}") from exc


def _get(url: str, parameters: Mapping[str, str] | None = None) -> str:
    try:
        reply = httpx2.get(url, params=parameters, timeout=TIMEOUT_S)
    except (httpx2.HTTPError, httpx2.InvalidURL) as exc:
        raise TrafficUnreadable(url, f"does not answer: {exc}") from exc
    # Prometheus tells what is wrong with a query in a 400's body.
    if reply.status_code not in {200, 400}:
        raise TrafficUnreadable(url, f"answers {reply.status_code}; give a router's /metrics")
    return reply.text
