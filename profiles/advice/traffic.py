"""Reads context-length histograms: from routers' `/metrics` pages, or from a Prometheus server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import accumulate
from pathlib import Path
from typing import Annotated, Literal

import httpx2
from prometheus_client.parser import text_string_to_metric_families
from pydantic import BaseModel, Field, ValidationError

from profiles.advice.errors import TrafficUnreadable
from profiles.advice.histogram import Histogram, merged

METRIC = "quantroute_context_tokens"
TIMEOUT_S = 30.0

Traffic = Mapping[str, Histogram]


def read_pages(sources: Iterable[str]) -> Traffic:
    """The histogram of every pair, summed over pages; a source is an address or a file.

    Raises `TrafficUnreadable`.
    """
    by_pair: dict[str, list[Histogram]] = {}
    for source in sources:
        for pair, histogram in _page(source, _text(source)).items():
            by_pair.setdefault(pair, []).append(histogram)
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
    if answer.status == "error" or answer.data is None:
        raise TrafficUnreadable(url, f"Prometheus refuses the query: {answer.error}")
    buckets: dict[str, dict[float, float]] = {}
    for series in answer.data.result:
        edges = buckets.setdefault(series.metric.pair, {})
        edges[float(series.metric.le)] = series.value[1]
    # Increases are extrapolated series by series and may cross by a hair.
    rising = {
        pair: dict(
            zip(sorted(edges), accumulate((edges[e] for e in sorted(edges)), max), strict=True)
        )
        for pair, edges in buckets.items()
    }
    return _histograms(url, rising)


class _Labels(BaseModel):
    pair: str
    le: str


class _Series(BaseModel):
    metric: _Labels
    value: tuple[float, Annotated[float, Field(allow_inf_nan=False)]]


class _Vector(BaseModel):
    result: tuple[_Series, ...]


class _Answer(BaseModel):
    """What `/api/v1/query` says of an instant vector."""

    status: Literal["success", "error"]
    data: _Vector | None = None
    error: str = ""


def _page(source: str, text: str) -> Traffic:
    buckets: dict[str, dict[float, float]] = {}
    try:
        for family in text_string_to_metric_families(text):
            if family.name != METRIC:
                continue
            for sample in family.samples:
                if sample.name == f"{METRIC}_bucket":
                    edges = buckets.setdefault(sample.labels["pair"], {})
                    edges[float(sample.labels["le"])] = sample.value
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


def _text(source: str) -> str:
    if source.startswith(("http://", "https://")):
        return _get(source)
    try:
        return Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise TrafficUnreadable(source, f"cannot be read: {exc}") from exc


def _get(url: str, parameters: Mapping[str, str] | None = None) -> str:
    try:
        reply = httpx2.get(url, params=parameters, timeout=TIMEOUT_S)
    except (httpx2.HTTPError, httpx2.InvalidURL) as exc:
        raise TrafficUnreadable(url, f"does not answer: {exc}") from exc
    # Prometheus tells what is wrong with a query in a 400's body.
    if reply.status_code not in {200, 400}:
        raise TrafficUnreadable(url, f"answers {reply.status_code}; give a router's /metrics")
    return reply.text
