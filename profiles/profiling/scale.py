"""A profile of another machine, scaled to this one by a few single requests.

Two machines of one class can differ by half in speed. A few seconds of measurement correct most of
that. They do not replace a profile: how latency grows with load is still the other machine's.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import geometric_mean, median

import httpx2

from profiles.errors import ProfilingError
from serve_app.core.profile import LatencySurface, Profile, Quantiles, Throughput
from serve_app.core.surface import read_surface

# Prompt lengths in words. The engine reports how many tokens they were.
PROMPT_WORDS = (40, 160)
ROUNDS = 3
# A slow machine takes tens of seconds for one round, and its requests differ less.
NEXT_ROUND_WITHIN_S = 10.0
OUTPUT_TOKENS = 24
TIMEOUT_S = 120.0
# Beyond this, something else than the machine's speed is different. Prefill in BF16 takes 38 times
# as long on a CPU with AVX2 as on one with AMX.
LARGEST_FACTOR = 100.0
WORDS = (
    *("river", "stone", "market", "window", "yellow", "garden", "number", "table", "winter"),
    *("bridge", "paper", "letter", "train", "island", "engine", "forest", "silver", "kitchen"),
    *("morning", "street", "doctor", "music", "harbour", "village", "bottle"),
)


class NotScaled(ProfilingError):
    """A pair's profile cannot be scaled. The text states why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleRequest:
    """One request on an idle pair. `tpot_ms` is a mean over its tokens after the first."""

    prompt_tokens: int
    ttft_ms: float
    tpot_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedFactors:
    """How many times as long as on the profiled machine a token takes here."""

    ttft: float
    tpot: float


def measure_single_requests(
    client: httpx2.Client, pair: str, *, seed: int = 0, now: Callable[[], float] = time.perf_counter
) -> tuple[SingleRequest, ...]:
    """Sends single requests to `pair` through the router at `client`, one after the other.

    The first one warms the engine up and is dropped. Up to `ROUNDS` rounds of one request per
    prompt length follow. Another round begins only within `NEXT_ROUND_WITHIN_S` of the start. No
    two prompts share a beginning, so no cache helps. Raises `NotScaled` when the pair does not
    answer as expected.
    """
    words = random.Random(f"{seed} {pair}")
    began_s = now()

    def timed(count: int) -> SingleRequest:
        return _single(client, pair, " ".join(words.choices(WORDS, k=count)), now)

    timed(PROMPT_WORDS[0])
    requests = [timed(count) for count in PROMPT_WORDS]
    while len(requests) < ROUNDS * len(PROMPT_WORDS) and now() - began_s < NEXT_ROUND_WITHIN_S:
        requests += [timed(count) for count in PROMPT_WORDS]
    return tuple(requests)


def speed_factors(profile: Profile, requests: Sequence[SingleRequest]) -> SpeedFactors:
    """Geometric means over prompt lengths of the fastest request over the profile's median.

    Other work on the machine only ever adds time, and may be there for seconds at a start.
    Raises `NotScaled` for a factor that no machine's speed explains.
    """
    lengths = sorted({request.prompt_tokens for request in requests})
    # Lengths in words differ by a few tokens: one group below the middle and one above.
    middle = (lengths[0] + lengths[-1]) / 2
    groups = [
        [request for request in requests if (request.prompt_tokens > middle) is above]
        for above in (False, True)
    ]
    ttft, tpot = [], []
    for group in filter(None, groups):
        expected = read_surface(
            profile.latency,
            concurrency=1,
            prompt_tokens=round(median(request.prompt_tokens for request in group)),
            z=0.0,
        )
        ttft.append(min(request.ttft_ms for request in group) / expected.ttft_p50_ms)
        tpot.append(min(request.tpot_ms for request in group) / expected.tpot_p50_ms)
    factors = SpeedFactors(ttft=geometric_mean(ttft), tpot=geometric_mean(tpot))
    for name, factor in (("TTFT", factors.ttft), ("TPOT", factors.tpot)):
        if not 1 / LARGEST_FACTOR <= factor <= LARGEST_FACTOR:
            raise NotScaled(
                f"{profile.pair}: {name} is {factor:.3g} times the profile's; a factor from "
                f"{1 / LARGEST_FACTOR:.2g} to {LARGEST_FACTOR:g} is allowed. Either the "
                f"machine is busy or the profile is of another pair: measure it with "
                f"`quantroute profile`"
            )
    return factors


def scaled(
    profile: Profile, factors: SpeedFactors, *, requests: int, machine: str, date: str
) -> Profile:
    """`profile` with all latencies and throughputs of this machine, marked as scaled.

    Accuracy, memory and capabilities stay. What the factors do not cover is left out: the time of
    whole answers and the error of the medians.
    """
    origin = profile.provenance
    source = (
        f"measured {origin.date} on {origin.machine or 'another machine'}; TTFT times "
        f"{factors.ttft:.3f} and TPOT times {factors.tpot:.3f}, from {requests} single requests"
    )
    return replace(
        profile,
        latency=LatencySurface(
            concurrency=profile.latency.concurrency,
            prompt_tokens=profile.latency.prompt_tokens,
            ttft_ms=_times(profile.latency.ttft_ms, factors.ttft),
            tpot_ms=_times(profile.latency.tpot_ms, factors.tpot),
        ),
        throughput=Throughput(
            prefill_tokens_per_s=profile.throughput.prefill_tokens_per_s / factors.ttft,
            decode_tokens_per_s=tuple(
                rate / factors.tpot for rate in profile.throughput.decode_tokens_per_s
            ),
            utilization=profile.throughput.utilization,
        ),
        provenance=replace(
            origin,
            origin="scaled",
            date=date,
            machine=machine,
            sources={**origin.sources, "latency": source, "throughput": source},
        ),
    )


def _times(quantiles: Quantiles, factor: float) -> Quantiles:
    def grid(rows: tuple[tuple[float, ...], ...]) -> tuple[tuple[float, ...], ...]:
        return tuple(tuple(value * factor for value in row) for row in rows)

    return Quantiles(p50=grid(quantiles.p50), p95=grid(quantiles.p95), p99=grid(quantiles.p99))


def _single(
    client: httpx2.Client, pair: str, prompt: str, now: Callable[[], float]
) -> SingleRequest:
    body = {
        "model": pair,
        "messages": [{"role": "user", "content": f"Continue this list: {prompt}"}],
        "max_tokens": OUTPUT_TOKENS,
        "ignore_eos": True,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    began_s = now()
    first_s = last_s = None
    usage = None
    try:
        with client.stream("POST", "/v1/chat/completions", json=body, timeout=TIMEOUT_S) as reply:
            if reply.status_code != 200:
                raise NotScaled(f"{pair}: {reply.status_code} {reply.read().decode()[:200]}")
            for line in reply.iter_lines():
                if not line.startswith("data: {"):
                    continue
                event = json.loads(line.removeprefix("data: "))
                if "error" in event:
                    raise NotScaled(f"{pair}: {event['error'].get('message', 'failed')}")
                usage = event.get("usage") or usage
                choices = event.get("choices") or [{}]
                if choices[0].get("delta", {}).get("content"):
                    last_s = now()
                    first_s = first_s or last_s
    except httpx2.TransportError as exc:
        raise NotScaled(f"{pair}: {type(exc).__name__}: {exc}") from exc
    after_first = (usage or {}).get("completion_tokens", 0) - 1
    if usage is None or first_s is None or last_s is None or after_first < 1:
        raise NotScaled(f"{pair}: the answer had no tokens to time")
    return SingleRequest(
        prompt_tokens=usage["prompt_tokens"],
        ttft_ms=(first_s - began_s) * 1e3,
        tpot_ms=(last_s - first_s) * 1e3 / after_first,
    )
