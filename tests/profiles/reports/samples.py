"""Catalogs to report on: plain, full of every optional field, many, odd."""

from __future__ import annotations

from dataclasses import replace

from serve_app.core.catalog import Catalog
from serve_app.core.profile import (
    GoldenResult,
    Grid,
    Hardware,
    LatencySurface,
    MedianError,
    Memory,
    PairedAccuracy,
    Profile,
    Provenance,
    Quantiles,
    TaskAccuracy,
    Throughput,
)
from tests import builders

NASTY = "<script>alert('x')</script> \"A&B\" $x_1$ \N{CJK UNIFIED IDEOGRAPH-6A21}\n\x00\u202e"
LONG = "a-model-with-a-very-long-name-that-nobody-would-type-70b-instruct-" + "q" * 120


def a_plain_profile(pair: str = "small-bf16", **fields: float) -> Profile:
    """Only what every profile must have."""
    return builders.a_profile(pair, **fields)  # type: ignore[arg-type]


def a_full_profile(
    pair: str = "small-w8a8",
    *,
    speed: float = 1.0,
    accuracy: float = 0.7,
    usd_per_hour: float = 1.0,
    concurrency: tuple[int, ...] = (1, 4, 8, 16),
    prompt_tokens: tuple[int, ...] = (64, 512, 1024),
    parent: str | None = "small-bf16",
) -> Profile:
    """Every optional field filled; `speed` divides its latencies."""
    surface = a_surface(speed, concurrency, prompt_tokens)
    scope = an_interval(accuracy)
    change = PairedAccuracy(change=-0.02, lower=-0.035, upper=-0.005, items=400, lost=14, won=6)
    return replace(
        builders.a_profile(pair, latency=surface, usd_per_hour=usd_per_hour),
        max_concurrency=concurrency[-1],
        throughput=Throughput(
            prefill_tokens_per_s=2_000 * speed,
            decode_tokens_per_s=tuple(30.0 * speed * c**0.8 for c in concurrency),
        ),
        memory=Memory(
            weights_bytes=163_226_688,
            kv_cache_bytes=2**30,
            peak_bytes=3_722_928_128,
            peak_of="gpu",
            weights_loaded_bytes=170_000_000,
            kv_cache_tokens=46_000,
        ),
        accuracy={"overall": scope, "code": an_interval(accuracy - 0.2), "translation": scope},
        accuracy_by_difficulty={
            "hard": an_interval(accuracy - 0.3),
            "easy": an_interval(min(0.99, accuracy + 0.2)),
            "medium": scope,
        },
        benchmarks={"arc_easy": scope, "gsm8k": an_interval(accuracy - 0.4)},
        parent=parent,
        against_parent={} if parent is None else {"overall": change, "code": change},
        golden=GoldenResult(passed=True, date="2026-02-03", checks=14),
        provenance=Provenance(
            origin="measured",
            date="2026-02-03T04:05:06+00:00",
            command=f"quantroute profile {pair}",
            machine="8 cores, Linux",
            evaluation="starter.jsonl sha256:1234",
        ),
    )


def a_published_profile(pair: str = "large-awq", **fields: float) -> Profile:
    return replace(
        builders.a_profile(pair, accuracy=0.8, lower=0.75, **fields),  # type: ignore[arg-type]
        hardware=Hardware(accelerator="A10G", count=1, usd_per_hour=1.2),
        provenance=Provenance(
            origin="published",
            date="2025-06-01",
            sources={"latency": "a table of a paper", "cold_start_s": "derived from its size"},
        ),
    )


def a_refused_profile(pair: str = "small-w4a16") -> Profile:
    return replace(
        a_full_profile(pair, accuracy=0.5, speed=1.4),
        golden=GoldenResult(passed=False, reason="token agreement 41 %, at least 80 % is needed"),
    )


def a_full_catalog() -> Catalog:
    return Catalog.of(
        "17",
        [
            a_full_profile("small-bf16", parent=None),
            a_full_profile("small-w8a8", speed=1.5, accuracy=0.69),
            a_refused_profile(),
            a_published_profile(),
        ],
    )


def a_large_catalog(pairs: int = 12) -> Catalog:
    """Measured over axes that differ between pairs, most of them long."""
    return Catalog.of(
        "many",
        [
            a_full_profile(
                f"model-{index % 4}-quantized-in-way-{index}",
                speed=1 + index / 3,
                accuracy=0.5 + index / 30,
                usd_per_hour=0.5 * 1.4**index,
                concurrency=(1, 2, 4, 8, 16, 32, 64, 128)[: 5 + index % 4],
                prompt_tokens=(32, 128, 512, 1024, 2048, 3072, 3584)[index % 3 :],
            )
            for index in range(pairs)
        ],
    )


def an_odd_catalog() -> Catalog:
    """Names that would break markup, figures or layouts."""
    return Catalog.of(
        NASTY[:40],
        [a_full_profile(NASTY, parent=None), a_plain_profile(LONG), a_plain_profile("$")],
    )


def an_interval(mean: float) -> TaskAccuracy:
    return TaskAccuracy(
        mean=mean, lower=max(0.0, mean - 0.06), upper=min(1.0, mean + 0.05), items=400
    )


def a_surface(
    speed: float, concurrency: tuple[int, ...], prompt_tokens: tuple[int, ...]
) -> LatencySurface:
    def grid(base_ms: float, per_token_ms: float) -> Grid:
        return tuple(
            tuple((base_ms + per_token_ms * n) * (1 + 0.1 * c) / speed for n in prompt_tokens)
            for c in concurrency
        )

    def quantiles(base_ms: float, per_token_ms: float) -> Quantiles:
        p50, p95, p99 = (grid(base_ms * f, per_token_ms * f) for f in (1.0, 1.4, 1.6))
        return Quantiles(p50=p50, p95=p95, p99=p99)

    return LatencySurface(
        concurrency=concurrency,
        prompt_tokens=prompt_tokens,
        ttft_ms=quantiles(30, 0.3),
        tpot_ms=quantiles(15, 0.01),
        e2e_ms=quantiles(1_500, 1.5),
        output_tokens=100,
        median_error=MedianError(
            ttft_ms=grid(2, 0.01),
            tpot_ms=grid(0.5, 0.0),
            samples=((60,) * len(prompt_tokens),) * len(concurrency),
        ),
    )
