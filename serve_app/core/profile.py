"""A profile: what was measured of one pair. Knows nothing of requests, load or storage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Ge, Le, Len

from serve_app.core.request import Capability, Task
from serve_app.core.units import (
    Name,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Ratio,
    Strict,
)

Activations = Literal["bf16", "fp16", "fp8", "int8"]
Origin = Literal["measured", "scaled", "published"]
Scope = Task | Literal["overall"]
Difficulty = Literal["easy", "medium", "hard"]
Grid = tuple[tuple[PositiveFloat, ...], ...]
ErrorGrid = tuple[tuple[NonNegativeFloat, ...], ...]
Change = Annotated[float, Ge(-1), Le(1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantization(Strict):
    """How a model's numbers are stored and multiplied."""

    name: Name
    weight_bits: PositiveFloat
    activations: Activations


@dataclass(frozen=True, slots=True, kw_only=True)
class PerTokenPrice(Strict):
    """What an endpoint charges, in USD per million tokens of the prompt and of the answer."""

    input: NonNegativeFloat
    output: NonNegativeFloat


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware(Strict):
    """What one replica occupies and what that costs.

    `count` is accelerators per replica, a fraction when several replicas share one.
    `usd_per_hour` is the price of that share, not of the whole machine. `usd_per_mtok` is set
    where tokens are paid and not hours.
    """

    accelerator: Name
    count: PositiveFloat
    usd_per_hour: NonNegativeFloat
    usd_per_mtok: PerTokenPrice | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantiles(Strict):
    """One quantity at three quantiles, each a grid indexed [concurrency][prompt length]."""

    p50: Grid
    p95: Grid
    p99: Grid


@dataclass(frozen=True, slots=True, kw_only=True)
class MedianError(Strict):
    """Half of the 95 % interval of each median, on the surface's grid, and the samples behind it.

    A later measurement has moved where it lies farther off than both halves together.
    """

    ttft_ms: ErrorGrid
    tpot_ms: ErrorGrid
    samples: tuple[tuple[PositiveInt, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencySurface(Strict):
    """Latency of one replica over concurrency and prompt length.

    `concurrency` (requests at the replica) and `prompt_tokens` are the axes, both strictly
    ascending. `ttft_ms` is time to first token; `tpot_ms` is time per output token after the
    first, a mean over each request, whose quantiles run over requests. `e2e_ms` is the whole
    answer, of `output_tokens` on average. `median_error` is how precise the medians are. The last
    three are `None` where a source does not give them.
    """

    concurrency: Annotated[tuple[PositiveInt, ...], Len(1)]
    prompt_tokens: Annotated[tuple[PositiveInt, ...], Len(1)]
    ttft_ms: Quantiles
    tpot_ms: Quantiles
    e2e_ms: Quantiles | None = None
    output_tokens: PositiveInt | None = None
    median_error: MedianError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput(Strict):
    """Tokens per second of one replica, and the share of the time it is expected to be busy.

    `decode_tokens_per_s` is output tokens per second at each of the surface's concurrencies.
    """

    prefill_tokens_per_s: PositiveFloat
    decode_tokens_per_s: Annotated[tuple[PositiveFloat, ...], Len(1)]
    utilization: Annotated[Ratio, PositiveFloat] = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskAccuracy(Strict):
    """Share of `items` graded right, between the ends of its 95 % Wilson interval.

    `upper` is 1 where a source does not give it.
    """

    mean: Ratio
    lower: Ratio
    items: PositiveInt
    upper: Ratio = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """By how much feedback has moved an accuracy and its lower bound."""

    mean: Change
    lower: Change


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedAccuracy(Strict):
    """A pair against its unquantized parent on the same items.

    `change` is the mean of (score - parent's score), between the ends of its 95 % interval: paired,
    so that a loss far smaller than either accuracy's own interval shows. `lost` items are those
    on which the pair scores less than its parent, `won` those on which it scores more.
    """

    change: Change
    lower: Change
    upper: Change
    items: PositiveInt
    lost: NonNegativeInt
    won: NonNegativeInt


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenResult(Strict):
    """The golden gate's verdict. `reason` states why it did not pass.

    `date` is when the gate was run, `checks` how many checks it made. `checkpoint` is what the
    fleet file named as the pair's checkpoint.
    """

    passed: bool
    reason: str = ""
    date: str = ""
    checks: NonNegativeInt = 0
    checkpoint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance(Strict):
    """Where a profile comes from: `measured` by a command, or `published` by others.

    A `scaled` profile was measured on another machine, and its latencies are multiplied by what
    single requests took on this one. `evaluation` names the graded questions and the SHA-256 of
    their file. `sources` states for each published or scaled figure, by its field's path, where it
    stands or how it was derived.
    """

    origin: Origin
    date: Name
    command: str = ""
    machine: str = ""
    evaluation: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory(Strict):
    """Bytes a replica needs: weights on disk, KV cache as configured, peak in use.

    All three are 0 for an endpoint, which shows none of them.
    `peak_of` names what: resident memory of its processes (`rss`), or memory of its GPUs as
    NVML counts it (`gpu`). `weights_loaded_bytes` is what the engine reports for its weights;
    `kv_cache_tokens` is how many tokens the cache holds. `read_bytes_per_token` is what one output
    token reads of the weights, where that is less than all: a mixture of experts, a draft model.
    """

    weights_bytes: NonNegativeInt
    kv_cache_bytes: NonNegativeInt
    peak_bytes: NonNegativeInt
    peak_of: Literal["rss", "gpu"] = "rss"
    weights_loaded_bytes: PositiveInt | None = None
    kv_cache_tokens: PositiveInt | None = None
    read_bytes_per_token: PositiveInt | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile(Strict):
    """What was measured of a pair on its hardware.

    `accuracy` is per task, with `overall` over all items; `accuracy_by_difficulty` is over the
    items of each difficulty, `benchmarks` over standard benchmarks by their names. Against the
    unquantized `parent` on the same items, `relative_accuracy` is the ratio of the overall means
    and `against_parent` the paired change per task. `tokens_ratio` is this pair's tokens per token
    of the reference tokenizer. `max_concurrency` is the requests a replica runs at once;
    more of them wait.
    """

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
    accuracy: Mapping[Scope, TaskAccuracy]
    accuracy_by_difficulty: Mapping[Difficulty, TaskAccuracy] = field(default_factory=dict)
    benchmarks: Mapping[Name, TaskAccuracy] = field(default_factory=dict)
    tokens_ratio: PositiveFloat = 1.0
    parent: str | None = None
    relative_accuracy: NonNegativeFloat | None = None
    against_parent: Mapping[Scope, PairedAccuracy] = field(default_factory=dict)
    golden: GoldenResult | None = None
    provenance: Provenance
