"""What the router adds: its application over fake engines against an empty Serve application.

Both run in one Ray Serve, in the same mode, and are asked in turn (A, B, A, B), so that what
else the machine does falls on both. One client comes first: many clients may make the classifier
late, and the ingress then classifies by itself for a while. How often it did is part of the result.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from statistics import median
from typing import Any

import httpx2

from serve_app.bench.fleet_run import BenchApp, running, small_pair
from serve_app.bench.http_load import Body, LoadResult, whole_answers

CONNECTIONS = 32
MISSES = "quantroute_classifier_missed_total"
Sides = dict[str, tuple[str, Body]]
TEXT = "the quick brown fox jumps over a lazy dog while we measure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """Medians over the rounds: one client's latency, and what many clients get through.

    The shares are of requests that the ingress classified itself, the classifier being late.
    """

    p50_ms: float
    requests_per_s: float
    classified_here_alone: float
    classified_here_crowded: float


@dataclass(frozen=True, slots=True, kw_only=True)
class IngressBench:
    """`repeated` asks the router one prompt again and again, `distinct` a new one each time."""

    rounds: int
    requests: int
    empty: Side
    repeated: Side
    distinct: Side


def run(*, rounds: int, requests: int) -> IngressBench:
    """Starts both applications, asks them in turn, stops them."""
    # The shipped profiles tell these pairs apart.
    names = ("qwen2.5-0.5b-bf16", "qwen2.5-0.5b-w8a8", "smollm2-135m-w8a8")
    apps = [
        BenchApp(
            name="empty",
            import_path="serve_app.bench.empty_app:build_app",
            route_prefix="/empty",
            probe="/empty/ready",
            args={},
        ),
        BenchApp(
            name="quantroute",
            import_path="serve_app.bench.fake_fleet:build_app",
            route_prefix="/",
            probe="/ready",
            args={
                "pairs": [small_pair(name, max_concurrency=256) for name in names],
                "routing": {
                    "reference_pair": names[0],
                    "static_fallback": names[0],
                    "defaults": {"latency_budget_ms": 20_000},
                },
            },
        ),
    ]
    with running(apps) as address:
        # A router that has no catalog would only serve its fallback, and seem fast.
        decision = httpx2.post(f"{address}/v1/route", json=_body(0)).json()
        if decision["fallback"] is not None or not decision["ranked"]:
            raise RuntimeError(f"the router does not route: {decision['reason']}")
        return asyncio.run(_compare(address, rounds, requests))


def report(result: IngressBench) -> str:
    lines = [f"{result.rounds} rounds of {result.requests} requests, medians:"]
    for name in ("empty", "repeated", "distinct"):
        side: Side = getattr(result, name)
        ratio = side.p50_ms / result.empty.p50_ms
        lines.append(
            f"  {name:<9} 1 client: p50 {side.p50_ms:.2f} ms ({ratio:.2f}x empty); "
            f"{CONNECTIONS} connections: {side.requests_per_s:.0f} requests/s; classified without "
            f"the classifier: {side.classified_here_alone:.0%}, {side.classified_here_crowded:.0%}"
        )
    return "\n".join(lines)


async def _compare(address: str, rounds: int, requests: int) -> IngressBench:
    sides: Sides = {
        "empty": (f"{address}/empty/answer", lambda _number: _body(0)),
        "repeated": (f"{address}/v1/chat/completions", lambda _number: _body(0)),
        "distinct": (f"{address}/v1/chat/completions", _body),
    }
    alone = await _rounds(address, sides, rounds, connections=1, requests=requests // 4)
    crowded = await _rounds(address, sides, rounds, connections=CONNECTIONS, requests=requests)
    measured = {
        name: Side(
            p50_ms=median(result.p50_ms for result, _ in alone[name]),
            requests_per_s=median(result.requests_per_s for result, _ in crowded[name]),
            classified_here_alone=median(share for _, share in alone[name]),
            classified_here_crowded=median(share for _, share in crowded[name]),
        )
        for name in sides
    }
    return IngressBench(rounds=rounds, requests=requests, **measured)


async def _rounds(
    address: str, sides: Sides, rounds: int, *, connections: int, requests: int
) -> dict[str, list[tuple[LoadResult, float]]]:
    """Every side's results, each with the share of requests that the ingress classified itself."""
    results: dict[str, list[tuple[LoadResult, float]]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, (url, body) in sides.items():
            missed = _misses(address)
            result = await whole_answers(url, body, connections=connections, requests=requests)
            results[name].append((result, (_misses(address) - missed) / requests))
    return results


def _misses(address: str) -> float:
    """How often the ingress has classified a prompt because the classifier had not."""
    lines = httpx2.get(f"{address}/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(MISSES))


def _body(number: int) -> dict[str, Any]:
    """A short chat request; its text differs from number to number."""
    words = TEXT.split()
    start = number % len(words)
    text = " ".join([f"({number})", *words[start:], *words[:start]])
    return {"model": "auto", "messages": [{"role": "user", "content": f"Continue: {text}"}]}
