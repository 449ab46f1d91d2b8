"""A made-up fleet, different enough from pair to pair that decisions differ."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import get_args

from serve_app.core.catalog import Catalog
from serve_app.core.fleet import Pair
from serve_app.core.policy import Policy, Weights
from serve_app.core.profile import (
    Grid,
    Hardware,
    LatencySurface,
    Memory,
    Profile,
    Provenance,
    Quantiles,
    Quantization,
    TaskAccuracy,
    Throughput,
)
from serve_app.core.request import Preset, Task

CONCURRENCIES = (1, 8, 32)
PROMPT_TOKENS = (128, 1024)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """All that a decision needs besides the request and the load."""

    pairs: tuple[Pair, ...]
    catalog: Catalog
    policy: Policy


def synthetic_fleet(pairs: int, random: Random) -> Fleet:
    quantizations = (
        Quantization(name="bf16", weight_bits=16, activations="bf16"),
        Quantization(name="fp8", weight_bits=8, activations="fp8"),
        Quantization(name="awq", weight_bits=4, activations="fp16"),
    )
    fleet = tuple(
        Pair(
            id=f"model-{index}",
            model=f"model-{index // 3}",
            quantization=quantizations[index % 3],
            hardware=Hardware(accelerator="A10G", count=1, usd_per_hour=1.2),
            context_window=8_192,
            max_concurrency=32,
            capabilities=frozenset(),
        )
        for index in range(pairs)
    )
    weights: dict[Preset, Weights] = {
        "balanced": Weights(accuracy=0.4, latency=0.3, cost=0.3),
        "chat": Weights(accuracy=0.3, latency=0.5, cost=0.2),
        "batch": Weights(accuracy=0.2, latency=0.1, cost=0.7),
        "quality": Weights(accuracy=0.8, latency=0.1, cost=0.1),
    }
    return Fleet(
        pairs=fleet,
        catalog=Catalog.of("bench", [_profile(pair, random) for pair in fleet]),
        policy=Policy(weights=weights, reference_pair=fleet[-1].id),
    )


def _profile(pair: Pair, random: Random) -> Profile:
    speed = random.uniform(0.5, 3.0)
    right = random.uniform(0.6, 0.95)
    accuracy = TaskAccuracy(mean=right, lower=right - 0.05, items=500)
    return Profile(
        pair=pair.id,
        model=pair.model,
        quantization=pair.quantization,
        engine="vllm",
        engine_version="0",
        hardware=pair.hardware,
        context_window=pair.context_window,
        max_concurrency=pair.max_concurrency,
        memory=Memory(weights_bytes=1, kv_cache_bytes=0, peak_bytes=1),
        cold_start_s=60,
        capabilities=pair.capabilities,
        latency=LatencySurface(
            concurrency=CONCURRENCIES,
            prompt_tokens=PROMPT_TOKENS,
            ttft_ms=_quantiles(40 / speed),
            tpot_ms=_quantiles(8 / speed),
        ),
        throughput=Throughput(
            prefill_tokens_per_s=9_000 * speed,
            decode_tokens_per_s=(120 * speed, 700 * speed, 1_500 * speed),
        ),
        accuracy={"overall": accuracy, **dict.fromkeys(get_args(Task), accuracy)},
        provenance=Provenance(origin="published", date="bench"),
    )


def _quantiles(base_ms: float) -> Quantiles:
    return Quantiles(p50=_grid(base_ms), p95=_grid(base_ms * 1.4), p99=_grid(base_ms * 1.9))


def _grid(base_ms: float) -> Grid:
    return tuple(
        tuple(base_ms * (1 + concurrency / 10) * (1 + tokens / 4_000) for tokens in PROMPT_TOKENS)
        for concurrency in CONCURRENCIES
    )
