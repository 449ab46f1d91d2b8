"""Profiles and catalogs for tests of what stores, publishes and watches them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypedDict, Unpack

from serve_app.core.catalog import Catalog
from serve_app.core.profile import (
    Hardware,
    LatencySurface,
    Memory,
    Profile,
    Quantiles,
    TaskAccuracy,
    Throughput,
)
from serve_app.core.request import Task
from serve_app.store.codec import encode_profile
from tests import builders


class ProfileFields(TypedDict, total=False):
    """What tests here vary."""

    model: str
    hardware: Hardware
    latency: LatencySurface
    throughput: Throughput
    memory: Memory
    accuracy: Mapping[Task | Literal["overall"], TaskAccuracy]
    cold_start_s: float


def a_surface(*, ttft_ms: float = 80.0) -> LatencySurface:
    return LatencySurface(
        concurrency=(1, 4),
        prompt_tokens=(32, 256),
        ttft_ms=_quantiles(ttft_ms),
        tpot_ms=_quantiles(25.0),
    )


def _quantiles(p50: float) -> Quantiles:
    def grid(factor: float) -> tuple[tuple[float, ...], ...]:
        return ((p50 * factor, 2 * p50 * factor), (3 * p50 * factor, 4 * p50 * factor))

    return Quantiles(p50=grid(1.0), p95=grid(1.5), p99=grid(2.0))


def accuracy(mean: float) -> TaskAccuracy:
    return TaskAccuracy(mean=mean, lower=mean / 2, items=120)


def a_profile(pair: str = "small-bf16", **fields: Unpack[ProfileFields]) -> Profile:
    profile = replace(
        builders.a_profile(pair, model="small", latency=a_surface(), cold_start_s=40.0),
        hardware=Hardware(accelerator="CPU", count=1, usd_per_hour=0.04),
        throughput=Throughput(prefill_tokens_per_s=900.0, decode_tokens_per_s=(39.0, 52.0)),
        capabilities=frozenset({"tools", "logprobs", "json_schema"}),
        accuracy={"overall": accuracy(0.6), "code": accuracy(0.4)},
    )
    return replace(profile, **fields)


def a_catalog(*pairs: str, version: str = "unpublished") -> Catalog:
    return Catalog.of(version, [a_profile(pair) for pair in pairs or ("small-bf16",)])


def write_profile(folder: Path, profile: Profile) -> Path:
    """Where `quantroute profile` would write it."""
    path = folder / profile.model / f"{profile.pair}@{profile.hardware.accelerator}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(encode_profile(profile))
    return path
