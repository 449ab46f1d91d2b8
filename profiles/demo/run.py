"""Sends each request twice: routed, and to the largest pair. Grades and times both answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx2

from profiles.demo.requests import DemoRequest
from profiles.errors import ProfilingError
from profiles.evaluation.graders import GRADERS

TIMEOUT_S = 120.0


class NoFleet(ProfilingError):
    """No router answers, or what answers is none. The text states what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer. `pair` is `None` where a request was refused, and `error` then has the reason.

    `predicted_ms` and `total_ms` are for the whole answer. `cost_usd` is `None` where the engine
    counted no tokens.
    """

    pair: str | None
    total_ms: float
    reason: str = ""
    predicted_ms: float | None = None
    infeasible: tuple[str, ...] = ()
    output_tokens: int = 0
    cost_usd: float | None = None
    right: bool = False
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One group of requests: what the router chose, and what the largest pair did with them."""

    requests: tuple[DemoRequest, ...]
    routed: tuple[Reply, ...]
    largest: tuple[Reply, ...]


async def run(
    groups: Sequence[Sequence[DemoRequest]],
    client: httpx2.AsyncClient,
    *,
    largest: str,
    show: Callable[[Row], None],
) -> None:
    """`show` gets one row per group as soon as it is complete.

    A group's requests are sent at once. Both sides of a row follow each other, so that they meet
    the same state of the machine.
    """
    for group in groups:
        routed = await asyncio.gather(*[_ask(client, each, "auto", each.routing) for each in group])
        pinned = await asyncio.gather(*[_ask(client, each, largest, {}) for each in group])
        show(Row(requests=tuple(group), routed=tuple(routed), largest=tuple(pinned)))


async def largest_pair(client: httpx2.AsyncClient) -> str:
    """The pair that savings are counted against. Raises `NoFleet`."""
    try:
        reply = await client.get("/admin/cost")
        reply.raise_for_status()
        return str(reply.json()["baseline"])
    except httpx2.TransportError as exc:
        raise NoFleet(
            f"no router answers at {client.base_url}: {exc}; start one with `make serve`"
        ) from exc
    except (httpx2.HTTPStatusError, ValueError, KeyError, TypeError) as exc:
        raise NoFleet(f"what answers at {client.base_url} is no quantroute router: {exc}") from exc


async def _ask(
    client: httpx2.AsyncClient, request: DemoRequest, model: str, routing: Mapping[str, object]
) -> Reply:
    body = {
        "model": model,
        "messages": [{"role": m.role, "content": m.content} for m in request.messages],
        "max_tokens": request.max_tokens,
        "temperature": 0,
        "routing": dict(routing),
    }
    began_s = time.perf_counter()
    try:
        answer = await client.post("/v1/chat/completions", json=body)
        plain: Any = answer.json()
    except (httpx2.TransportError, ValueError) as exc:
        return Reply(pair=None, total_ms=_since_ms(began_s), error=f"{type(exc).__name__}: {exc}")
    total_ms = _since_ms(began_s)
    if answer.status_code != 200:
        error = plain.get("error", {}).get("message", "no reason given")
        return Reply(pair=None, total_ms=total_ms, error=f"{answer.status_code}: {error}")
    text = plain["choices"][0]["message"]["content"] or ""
    grader = GRADERS[request.grader]
    score = await asyncio.to_thread(grader, text, request.reference)
    headers, usage = answer.headers, plain.get("usage") or {}
    predicted = headers.get("x-quantroute-predicted-ms")
    return Reply(
        pair=headers["x-quantroute-pair"],
        total_ms=total_ms,
        reason=headers.get("x-quantroute-reason", ""),
        predicted_ms=None if predicted is None else float(predicted),
        infeasible=tuple(filter(None, headers.get("x-quantroute-infeasible", "").split(","))),
        output_tokens=usage.get("completion_tokens", 0),
        cost_usd=usage.get("cost_usd"),
        right=score >= 0.5,
    )


def _since_ms(began_s: float) -> float:
    return (time.perf_counter() - began_s) * 1000
