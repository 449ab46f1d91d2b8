"""Points and profiles that set only what a test is about."""

from __future__ import annotations

from profiles.evaluation import Message, Outcome
from profiles.evaluation.accuracy import accuracy_by_scope
from profiles.profiling.engine import EngineSpec
from profiles.profiling.fit import fit_surface, fit_throughput
from profiles.profiling.loadgen import Load
from profiles.profiling.point import Point, Round
from profiles.profiling.run_folder import EngineRecord
from serve_app.core.fleet import Pair
from serve_app.core.profile import Hardware, Memory, Profile, Provenance, Quantization


def a_pair(pair_id: str = "tiny-bf16", *, window: int = 2048, max_concurrency: int = 8) -> Pair:
    return Pair(
        id=pair_id,
        model="tiny",
        quantization=Quantization(name="bf16", weight_bits=16, activations="bf16"),
        hardware=Hardware(accelerator="CPU", count=1, usd_per_hour=0.04),
        context_window=window,
        max_concurrency=max_concurrency,
        capabilities=frozenset({"logprobs"}),
    )


def a_spec(pair_id: str = "tiny-bf16", *, parent: str | None = None) -> EngineSpec:
    return EngineSpec(pair=a_pair(pair_id), checkpoint="org/tiny", parent=parent)


def a_load(*, concurrency: int = 1, prompt_tokens: int = 64, requests: int = 3) -> Load:
    return Load(
        concurrency=concurrency,
        prompt_tokens=prompt_tokens,
        output_tokens=32,
        requests=requests,
        seed=7,
    )


def a_round(
    *, ttft_ms: float = 50.0, tpot_ms: float = 20.0, samples: int = 20, output_tokens: int = 11
) -> Round:
    """A round whose samples rise by a thousandth of themselves from the value given."""
    ttft = tuple(ttft_ms * (1 + index / 1000) for index in range(samples))
    tpot = tuple(tpot_ms * (1 + index / 1000) for index in range(samples))
    return Round(
        ttft_ms=ttft,
        tpot_ms=tpot,
        e2e_ms=tuple(t + (output_tokens - 1) * d for t, d in zip(ttft, tpot, strict=True)),
        output_tokens=(output_tokens,) * samples,
    )


def a_point(
    *,
    concurrency: int = 1,
    prompt_tokens: int = 64,
    ttft_ms: float = 50.0,
    tpot_ms: float = 20.0,
    samples: int = 20,
    rounds: int = 1,
) -> Point:
    """A point of rounds that all showed the same."""
    one = a_round(ttft_ms=ttft_ms, tpot_ms=tpot_ms, samples=samples)
    return Point(concurrency=concurrency, prompt_tokens=prompt_tokens, rounds=(one,) * rounds)


def outcomes(*scores: float) -> tuple[Outcome, ...]:
    """An outcome per score, of items numbered from 0."""
    return tuple(
        Outcome(
            pair="tiny-bf16",
            item=f"item-{number}",
            digest=f"digest-{number}",
            task="classification",
            difficulty=0.5,
            messages=(Message(role="user", content=f"word{number}"),),
            answer="word",
            score=score,
            prompt_tokens=1,
            completion_tokens=1,
        )
        for number, score in enumerate(scores)
    )


def a_fitted_profile(*points: Point) -> Profile:
    """The profile of a pair that got one of two answers right, with the latencies of `points`."""
    pair = a_pair()
    points = points or (a_point(), a_point(prompt_tokens=512, ttft_ms=250))
    return Profile(
        pair=pair.id,
        model=pair.model,
        quantization=pair.quantization,
        engine="vllm",
        engine_version="0.32.0",
        hardware=pair.hardware,
        context_window=pair.context_window,
        max_concurrency=pair.max_concurrency,
        memory=Memory(weights_bytes=1000, kv_cache_bytes=2000, peak_bytes=5000),
        cold_start_s=30.0,
        capabilities=pair.capabilities,
        latency=fit_surface(points),
        throughput=fit_throughput(points, 0.5),
        accuracy=accuracy_by_scope(outcomes(1.0, 0.0)),
        provenance=Provenance(origin="measured", date="2026-11-22"),
    )


def an_engine_record(*, engine_version: str = "0.32.0") -> EngineRecord:
    return EngineRecord(
        engine_version=engine_version,
        machine="a machine",
        cold_start_s=30.0,
        peak_bytes=5000,
        peak_of="rss",
        kv_cache_bytes=2000,
        kv_cache_tokens=100,
        weights_loaded_bytes=None,
    )
