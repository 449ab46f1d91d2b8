"""How long the whole routing part of a request takes: parse, features in process, decide."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from random import Random
from statistics import median, median_high, quantiles
from time import perf_counter_ns

from serve_app.api.body import parse_object
from serve_app.api.request_reader import read_inference_request
from serve_app.classifier.classifiers import HeuristicClassifier
from serve_app.core.catalog import Snapshot
from serve_app.core.fleet import Load
from serve_app.core.request import Constraints
from serve_app.gateway.features import FeatureReader
from serve_app.gateway.routing import Router
from serve_app.ingress_replica import MonotonicClock
from serve_app.settings import IngressSettings
from serve_app.testing.synthetic_fleet import synthetic_fleet
from serve_app.tokens.counter import EstimatingCounter

DISTINCT_REQUESTS = 64
WARM_UP_ROUNDS = 100
# As the router's estimate counts the text below.
WORDS_PER_TOKEN = 0.96
TEXT = (
    "please compare the quarterly report of our northern warehouse with what was ordered and "
    "explain in a few sentences why 14 of the deliveries were late, who decided on the route, "
    "what it cost and how the new plan would have changed the outcome for customers"
)
INGRESS = IngressSettings()
HEADERS = ((b"content-type", b"application/json"), (b"x-latency-budget-ms", b"5000"))


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingBench:
    """Wall times of one request's parts. `tokens` is the median prompt, as the router counts it."""

    pairs: int
    rounds: int
    tokens: int
    parse_p50_us: float
    route_p50_us: float
    total_p50_us: float
    total_p99_us: float


@dataclass(frozen=True, slots=True)
class HeldSnapshot:
    """A `CurrentSnapshot` that never changes."""

    snapshot: Snapshot


def run(*, pairs: int = 8, rounds: int = 2_000, prompt_tokens: int = 1_000) -> RoutingBench:
    """Times `rounds` requests with prompts of about `prompt_tokens`."""
    random = Random(0)
    fleet = synthetic_fleet(pairs, random)
    loads = {pair.id: Load(ready_replicas=1, in_flight=3) for pair in fleet.pairs}
    numbers = count()
    router = Router(
        features=FeatureReader(HeuristicClassifier(), EstimatingCounter()),
        snapshots=HeldSnapshot(Snapshot.of(fleet.catalog, fleet.policy, fleet.pairs)),
        load=lambda: loads,
        first_token_deadline_ms=60_000,
        clock=MonotonicClock(),
        ids=lambda: f"bench-{next(numbers)}",
    )
    bodies = []
    for _ in range(DISTINCT_REQUESTS):
        words = random.choices(TEXT.split(), k=round(prompt_tokens * WORDS_PER_TOKEN))
        messages = [
            {"role": "system", "content": "You are a careful assistant."},
            {"role": "user", "content": " ".join(words)},
        ]
        body = {"model": "auto", "messages": messages, "max_tokens": 256}
        bodies.append(json.dumps(body).encode())
    return asyncio.run(_time(router, bodies, pairs=pairs, rounds=rounds))


def report(result: RoutingBench) -> str:
    return (
        f"routing part, {result.pairs} pairs, prompts of {result.tokens} tokens, "
        f"{result.rounds} rounds: p50 {result.total_p50_us:.0f} us, "
        f"p99 {result.total_p99_us:.0f} us; parsing p50 {result.parse_p50_us:.0f} us, "
        f"features and decision p50 {result.route_p50_us:.0f} us"
    )


async def _time(
    router: Router, bodies: Sequence[bytes], *, pairs: int, rounds: int
) -> RoutingBench:
    parse_us, route_us, tokens = [], [], []
    for index in range(WARM_UP_ROUNDS + rounds):
        started = perf_counter_ns()
        request = read_inference_request(
            parse_object(bodies[index % len(bodies)], INGRESS.body_limit_values),
            HEADERS,
            operation="chat",
            defaults=Constraints(min_accuracy=0.6),
            request_id="bench",
        )
        parsed = perf_counter_ns()
        routing = await router.route(request)
        ended = perf_counter_ns()
        features = routing.decision.features
        if index >= WARM_UP_ROUNDS and features is not None:
            parse_us.append((parsed - started) / 1e3)
            route_us.append((ended - parsed) / 1e3)
            tokens.append(features.prompt_tokens)
    total = quantiles([a + b for a, b in zip(parse_us, route_us, strict=True)], n=100)
    return RoutingBench(
        pairs=pairs,
        rounds=rounds,
        tokens=median_high(tokens),
        parse_p50_us=median(parse_us),
        route_p50_us=median(route_us),
        total_p50_us=total[49],
        total_p99_us=total[98],
    )
