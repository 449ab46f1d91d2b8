"""Points and measurements that set only what a test is about."""

from __future__ import annotations

from profiles.evaluation.run import Accuracy
from profiles.measuring.engine import EngineSpec
from profiles.measuring.loadgen import Load, Point
from profiles.measuring.measurement import Measurement
from serve_app.core.fleet import Pair
from serve_app.core.profile import Hardware, Memory, Quantization, TaskAccuracy


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


def a_point(
    *,
    concurrency: int = 1,
    prompt_tokens: int = 64,
    ttft_ms: float = 50.0,
    tpot_ms: float = 20.0,
    samples: int = 20,
    output_tokens_per_s: float = 40.0,
    failed_requests: int = 0,
) -> Point:
    """A point whose samples rise by a thousandth of themselves from the value given."""
    rising = [1 + index / 1000 for index in range(samples)]
    return Point(
        concurrency=concurrency,
        prompt_tokens=prompt_tokens,
        ttft_ms=tuple(ttft_ms * factor for factor in rising),
        tpot_ms=tuple(tpot_ms * factor for factor in rising),
        output_tokens_per_s=output_tokens_per_s,
        failed_requests=failed_requests,
    )


def an_accuracy(mean: float) -> Accuracy:
    return {"overall": TaskAccuracy(mean=mean, lower=mean / 2, items=100)}


def a_measurement(
    *points: Point, accuracy: Accuracy | None = None, parent: str | None = None
) -> Measurement:
    return Measurement(
        spec=a_spec(parent=parent),
        engine_version="0.32.0",
        points=points or (a_point(), a_point(prompt_tokens=512, ttft_ms=250)),
        memory=Memory(weights_bytes=1000, kv_cache_bytes=2000, peak_bytes=5000),
        cold_start_s=30.04,
        accuracy=accuracy or an_accuracy(0.5),
        tokens_ratio=1.0,
    )
