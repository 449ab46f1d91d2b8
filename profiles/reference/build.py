"""A published pair as a profile, with the source of every figure by its field's path."""

from __future__ import annotations

from collections.abc import Mapping

from profiles.reference.figures import QWEN_7B, VLLM_MEMORY_SHARE, Model
from profiles.reference.pairs import FP16, FP16_ENGINE, PublishedPair
from profiles.reference.surfaces import Sources
from profiles.reference.tables import ACCURACY, SERVING, Tables
from serve_app.core.intervals import wilson
from serve_app.core.profile import (
    Hardware,
    Memory,
    Profile,
    Provenance,
    Quantization,
    Scope,
    TaskAccuracy,
)

# AWQ keeps a 16-bit scale and a 4-bit zero point for every group of 128 weights.
AWQ_BITS = 4 + (16 + 4) / 128
BENCHMARK_SCOPES: Mapping[str, tuple[Scope, ...]] = {
    "mmlu": ("overall", "question_answering"),
    "gsm8k_strict": ("reasoning",),
}


def published_profile(pair: PublishedPair, tables: Tables, *, command: str, date: str) -> Profile:
    """The pair's profile, every figure with its source. Raises `FiguresMissing`."""
    surface = pair.surface(tables)
    cold_start_s, cold_start_source = _cold_start(pair, tables)
    benchmarks, accuracy, accuracy_sources = _accuracies(pair, tables)
    weights_bytes = _weights_bytes(pair.model, pair.quantization)
    peak_bytes = round(pair.cards * pair.card.memory_bytes * VLLM_MEMORY_SHARE)
    sources = {
        **_deployment_sources(pair, cold_start_source),
        **surface.sources,
        **accuracy_sources,
    }
    relative = None
    if pair.parent is not None:
        relative = tables.scored(*pair.scores["mmlu"], "mmlu").recovery
    if relative is not None:
        sources["relative_accuracy"] = f"{sources['benchmarks.mmlu']}, recovery of its MMLU"
    return Profile(
        pair=pair.id,
        model=pair.model.name,
        quantization=pair.quantization,
        engine="vllm",
        engine_version=pair.engine_version,
        hardware=Hardware(
            accelerator=pair.card.accelerator,
            count=pair.cards,
            usd_per_hour=round(pair.cards * pair.card.usd_per_hour, 3),
        ),
        context_window=pair.model.context_window,
        max_concurrency=surface.latency.concurrency[-1],
        memory=Memory(
            weights_bytes=weights_bytes,
            kv_cache_bytes=peak_bytes - weights_bytes,
            peak_bytes=peak_bytes,
            peak_of="gpu",
        ),
        cold_start_s=cold_start_s,
        capabilities=frozenset(),
        latency=surface.latency,
        throughput=surface.throughput,
        accuracy=accuracy,
        benchmarks=benchmarks,
        parent=pair.parent,
        relative_accuracy=relative,
        provenance=Provenance(origin="published", date=date, command=command, sources=sources),
    )


def _deployment_sources(pair: PublishedPair, cold_start: str) -> Sources:
    run = "the run that the latencies are from"
    bits = "2 bytes each" if pair.quantization == FP16 else f"{AWQ_BITS:g} bits each, embedding 16"
    share = f"{VLLM_MEMORY_SHARE:g} of the memory of {pair.cards} {pair.card.accelerator}"
    return {
        "quantization": run,
        "engine_version": run,
        "hardware.accelerator": run,
        "hardware.count": run,
        "hardware.usd_per_hour": f"{pair.card.price_source}; times {pair.cards}",
        "context_window": pair.model.source,
        "max_concurrency": "the highest concurrency of that run: what lies beyond was not timed",
        "capabilities": "none was published; the fleet's configuration states what a pair can do",
        "tokens_ratio": "not published; 1 until it is measured against the fleet's tokenizer",
        "cold_start_s": cold_start,
        "memory.weights_bytes": f"derived: parameters at {bits}; {pair.model.source}",
        "memory.kv_cache_bytes": "derived: peak_bytes less weights_bytes, an upper bound",
        "memory.peak_bytes": f"derived: {share}, what vLLM takes by default",
    }


def _weights_bytes(model: Model, quantization: Quantization) -> int:
    if quantization == FP16:
        return 2 * model.parameters
    layers = model.parameters - model.embedding_parameters
    return round(layers * AWQ_BITS / 8 + 2 * model.embedding_parameters)


def _cold_start(pair: PublishedPair, tables: Tables) -> tuple[float, str]:
    if pair.cold_start_of is not None:
        return (
            tables.served(pair.cold_start_of)[0].cold_start_s,
            f"ree2raz/inference-bench, {SERVING}, engine {pair.cold_start_of}: from starting the "
            f"server until it is healthy",
        )
    known_s = tables.served(FP16_ENGINE)[0].cold_start_s
    known_bytes = _weights_bytes(QWEN_7B, FP16)
    share = _weights_bytes(pair.model, pair.quantization) / known_bytes
    return (
        round(known_s * share, 1),
        f"derived: the {known_s:g} s of engine {FP16_ENGINE} in {SERVING}, times {share:.2f}, the "
        f"ratio of the weights' bytes",
    )


def _accuracies(
    pair: PublishedPair, tables: Tables
) -> tuple[dict[str, TaskAccuracy], dict[Scope, TaskAccuracy], Sources]:
    benchmarks: dict[str, TaskAccuracy] = {}
    accuracy: dict[Scope, TaskAccuracy] = {}
    sources: Sources = {}
    for metric, (model, quantization) in pair.scores.items():
        row = tables.scored(model, quantization, metric)
        items = row.items or tables.fewest_items
        lower, upper = wilson(row.score, items)
        benchmarks[metric] = TaskAccuracy(mean=row.score, lower=lower, upper=upper, items=items)
        counted = f"n = {items} as published"
        if row.items is None:
            counted = f"n not published: {items}, the smallest that any source in {ACCURACY} states"
        source = f"{row.source} ({ACCURACY}, {model} as {quantization}); {counted}"
        source += "; ends of the interval derived: Wilson, 95 %"
        sources[f"benchmarks.{metric}"] = f"{source}; {pair.stand_in}" if pair.stand_in else source
        for scope in BENCHMARK_SCOPES.get(metric, ()):
            accuracy[scope] = benchmarks[metric]
            sources[f"accuracy.{scope}"] = f"benchmarks.{metric}, taken for this kind of request"
    return benchmarks, accuracy, sources
