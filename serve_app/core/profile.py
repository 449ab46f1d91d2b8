"""A profile: what was measured of one pair. Knows nothing of requests, load or storage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from annotated_types import Len

from serve_app.core.request import Capability, Task
from serve_app.core.units import (
    Name,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Ratio,
)

Activations = Literal["bf16", "fp16", "fp8", "int8"]
Grid = tuple[tuple[PositiveFloat, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantization:
    """How a model's numbers are stored and multiplied."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "allow_inf_nan": False}

    name: Name
    weight_bits: PositiveFloat
    activations: Activations


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """What one replica occupies and what that costs.

    `count` is accelerators per replica, a fraction when several replicas share one.
    `usd_per_hour` is the price of that share, not of the whole machine.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid", "allow_inf_nan": False}

    accelerator: Name
    count: PositiveFloat
    usd_per_hour: NonNegativeFloat


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantiles:
    """One quantity at three quantiles, each a grid indexed [concurrency][prompt length]."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "allow_inf_nan": False}

    p50: Grid
    p95: Grid
    p99: Grid


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencySurface:
    """Latency of one replica over concurrency and prompt length.

    `concurrency` (requests at the replica) and `prompt_tokens` are the axes, both strictly
    ascending. `ttft_ms` is time to first token; `tpot_ms` is time per output token after the
    first, a mean over each request, whose quantiles run over requests.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid", "allow_inf_nan": False}

    concurrency: Annotated[tuple[PositiveInt, ...], Len(1)]
    prompt_tokens: Annotated[tuple[PositiveInt, ...], Len(1)]
    ttft_ms: Quantiles
    tpot_ms: Quantiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """Tokens per second of one replica, and the share of the time it is expected to be busy.

    `decode_tokens_per_s` is output tokens per second at each of the surface's concurrencies.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid", "allow_inf_nan": False}

    prefill_tokens_per_s: PositiveFloat
    decode_tokens_per_s: Annotated[tuple[PositiveFloat, ...], Len(1)]
    utilization: Annotated[Ratio, PositiveFloat] = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskAccuracy:
    """Share of `items` graded right, with the lower end of its 95 % Wilson interval."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "allow_inf_nan": False}

    mean: Ratio
    lower: Ratio
    items: PositiveInt


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenResult:
    """The golden gate's verdict; `reason` says why when it did not pass."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "allow_inf_nan": False}

    passed: bool
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a profile comes from: `measured` by a command, or `published` by a source."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "allow_inf_nan": False}

    origin: Literal["measured", "published"]
    date: Name
    command: str = ""
    source: str = ""
    machine: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Bytes a replica needs: weights on disk, KV cache as configured, peak resident."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "allow_inf_nan": False}

    weights_bytes: PositiveInt
    kv_cache_bytes: NonNegativeInt
    peak_bytes: NonNegativeInt


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What was measured of a pair on its hardware.

    `accuracy` is per task, with `overall` over all items. `relative_accuracy` is the ratio to
    the unquantized `parent` on the same items. `tokens_ratio` is this pair's tokens per token
    of the reference tokenizer. `max_concurrency` is the requests a replica runs at once;
    more of them wait.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid", "allow_inf_nan": False}

    pair: Name
    model: Name
    quantization: Quantization
    engine: Name
    engine_version: Name
    hardware: Hardware
    context_window: PositiveInt
    max_concurrency: PositiveInt
    memory: Memory
    cold_start_s: NonNegativeFloat
    capabilities: frozenset[Capability]
    latency: LatencySurface
    throughput: Throughput
    accuracy: Mapping[Task | Literal["overall"], TaskAccuracy]
    tokens_ratio: PositiveFloat = 1.0
    parent: str | None = None
    relative_accuracy: NonNegativeFloat | None = None
    golden: GoldenResult | None = None
    provenance: Provenance
