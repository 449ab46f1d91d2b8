"""Closed-loop HTTP load with aiohttp: each connection sends its next request on an answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from statistics import quantiles
from time import perf_counter
from typing import Any

import aiohttp

Body = Callable[[int], dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadResult:
    """Latency of whole answers and the rate at which they came."""

    connections: int
    requests: int
    p50_ms: float
    p99_ms: float
    requests_per_s: float


async def whole_answers(
    url: str, body: Body, *, connections: int, requests: int, warm_up: int = 20
) -> LoadResult:
    """Sends `requests` bodies and reads their answers. Raises on any status but 200."""
    took_s: list[float] = []
    numbers = iter(range(-warm_up, requests))

    async def client(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            sent = perf_counter()
            async with session.post(url, json=body(number)) as reply:
                await reply.read()
                reply.raise_for_status()
            if number >= 0:
                took_s.append(perf_counter() - sent)

    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(connector=connector) as session:
        began = perf_counter()
        await asyncio.gather(*(client(session) for _ in range(connections)))
        elapsed_s = perf_counter() - began
    cuts = quantiles(took_s, n=100)
    return LoadResult(
        connections=connections,
        requests=requests,
        p50_ms=cuts[49] * 1e3,
        p99_ms=cuts[98] * 1e3,
        requests_per_s=(requests + warm_up) / elapsed_s,
    )


async def first_token_ms(session: aiohttp.ClientSession, url: str, body: dict[str, Any]) -> float:
    """From sending a streaming chat request to its first chunk with content, in ms."""
    sent = perf_counter()
    first: float | None = None
    async with session.post(url, json=body) as reply:
        reply.raise_for_status()
        async for line in reply.content:
            if first is None and _has_content(line):
                first = (perf_counter() - sent) * 1e3
    if first is None:
        raise RuntimeError(f"{url} streamed no content")
    return first


def _has_content(line: bytes) -> bool:
    text = line.removeprefix(b"data:").strip()
    if not text.startswith(b"{"):
        return False
    return any(choice["delta"].get("content") for choice in json.loads(text)["choices"])
