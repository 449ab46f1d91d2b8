"""Latency surfaces from published figures, and where each of their cells is from.

What no source gives is derived by formulas that leave a pair slower rather than faster:

- p99 lies as far beyond p95 as in a normal distribution: p50 + (p95 - p50) x 2.326 / 1.645.
- A spread that was not published is the widest one that was, of the same quantity.
- Longer prompts add their prefill to the first token, once for every request at the replica, as
  all of them share it: in a full batch that is what a round of answers takes longer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from profiles.reference.figures import (
    LLAMA_3_8B_PROMPT_TOKENS,
    LLAMA_ON_A10G_SOURCE,
    QWEN_GENERATED_TOKENS,
    QWEN_SPEED_SOURCE,
    Quoted,
)
from profiles.reference.tables import SERVING, Level, Tables
from serve_app.core.profile import Grid, LatencySurface, Quantiles, Throughput
from serve_app.core.surface import Z95, Z99

# The conventional share of the time that a replica is expected to be busy.
UTILIZATION = 0.6
# The prompts of the serving table are questions of one sentence. A low count is the safe one:
# whatever is longer pays prefill.
SHORT_PROMPT_TOKENS = 32
LONG_PROMPT_TOKENS = 4096
DIGITS = 3
SPREAD = f"derived: p50 times the widest p95 / p50 of the same quantity in {SERVING}"
NORMAL_TAIL = "derived: p50 + (p95 - p50) x 2.326 / 1.645, the tail of a normal distribution"

Sources = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefill:
    """Further seconds of longer prompts by their length, and the rate; each with its source."""

    further_s: Mapping[int, float]
    tokens_per_s: float
    further_from: str
    rate_from: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Origins:
    """Where the figures with the shortest prompts are from, and how long those prompts are."""

    p50: str
    p95: str
    prompt_tokens: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """Latency and throughput with the source of every figure, by its field's path."""

    latency: LatencySurface
    throughput: Throughput
    sources: Sources


def from_serving_rows(engine: str, tables: Tables, speeds: Mapping[int, float]) -> Surface:
    """From a run of the serving table, with `speeds` by input length for its longer prompts."""
    run = f"ree2raz/inference-bench, {SERVING}, engine {engine}: vLLM 0.20.1 on an A100-40GB"
    prompts = (
        f"{SHORT_PROMPT_TOKENS}: a low count of the one-sentence questions in "
        f"prompts/workload.jsonl of ree2raz/inference-bench; longer ones: {QWEN_SPEED_SOURCE}"
    )
    origins = Origins(p50=run, p95=run, prompt_tokens=prompts)
    levels = tables.served(engine)
    return _surface(levels, SHORT_PROMPT_TOKENS, _prefill_of(speeds), origins)


def from_quoted(points: Sequence[Quoted], tables: Tables) -> Surface:
    """From single values per load, spread as widely as any run of the serving table."""
    levels = [
        Level(
            concurrency=point.concurrency,
            ttft_ms=(point.ttft_ms, point.ttft_ms * tables.widest_ttft_spread),
            tpot_ms=(point.tpot_ms, point.tpot_ms * tables.widest_tpot_spread),
            tokens_per_s=point.tokens_per_s,
        )
        for point in points
    ]
    short, long = LLAMA_3_8B_PROMPT_TOKENS, LONG_PROMPT_TOKENS
    rate = short / points[0].ttft_ms * 1e3
    prefill = Prefill(
        further_s={long: (long - short) / rate},
        tokens_per_s=rate,
        further_from=f"{long - short} further tokens at the prefill rate",
        rate_from=(
            f"derived: {short} prompt tokens over the {points[0].ttft_ms:g} ms to the first token "
            f"at concurrency {points[0].concurrency}, all of it counted as prefill; "
            f"{LLAMA_ON_A10G_SOURCE}"
        ),
    )
    origins = Origins(
        p50=LLAMA_ON_A10G_SOURCE,
        p95=SPREAD,
        prompt_tokens=f"{LLAMA_ON_A10G_SOURCE}; {long} is where the derived column stands",
    )
    return _surface(levels, short, prefill, origins)


def from_speeds(speeds: Mapping[int, float], tables: Tables) -> Surface:
    """From tokens per second of single requests by input length; one request at a time."""
    shortest = next(iter(speeds))
    # A prompt of one token is read in one pass, as every token of the answer is written.
    pass_ms = 1e3 / speeds[shortest]
    level = Level(
        concurrency=1,
        ttft_ms=(pass_ms, pass_ms * tables.widest_ttft_spread),
        tpot_ms=(pass_ms, pass_ms * tables.widest_tpot_spread),
        tokens_per_s=speeds[shortest],
    )
    p50 = (
        f"derived: 1 / ({speeds[shortest]:g} tokens/s), one pass over the model, for the first "
        f"token of a {shortest}-token prompt as for every other; {QWEN_SPEED_SOURCE}"
    )
    origins = Origins(p50=p50, p95=SPREAD, prompt_tokens=QWEN_SPEED_SOURCE)
    return _surface([level], shortest, _prefill_of(speeds), origins)


def _prefill_of(speeds: Mapping[int, float]) -> Prefill:
    """How much longer the same answer took with each longer prompt than with the shortest."""
    shortest, *longer = speeds
    took_s = {length: QWEN_GENERATED_TOKENS / speed for length, speed in speeds.items()}
    further_s = {length: took_s[length] - took_s[shortest] for length in longer}
    how = (
        f"{QWEN_GENERATED_TOKENS} / (tokens/s at that length) less the same at {shortest} token, "
        f"all of it counted as prefill; {QWEN_SPEED_SOURCE}"
    )
    return Prefill(
        further_s=further_s,
        tokens_per_s=(longer[0] - shortest) / further_s[longer[0]],
        further_from=how,
        rate_from=f"derived: {longer[0] - shortest} tokens over {how}",
    )


def _surface(levels: Sequence[Level], shortest: int, prefill: Prefill, origins: Origins) -> Surface:
    # All requests at a replica share the prefill of each of them.
    waits_s = (0.0, *prefill.further_s.values())
    ttft = [(each.ttft_ms, [each.concurrency * s * 1e3 for s in waits_s]) for each in levels]
    tpot = [(level.tpot_ms, [0.0] * len(waits_s)) for level in levels]
    latency = LatencySurface(
        concurrency=tuple(level.concurrency for level in levels),
        prompt_tokens=(shortest, *prefill.further_s),
        ttft_ms=_quantiles(ttft),
        tpot_ms=_quantiles(tpot),
    )
    throughput = Throughput(
        prefill_tokens_per_s=round(prefill.tokens_per_s, 1),
        decode_tokens_per_s=tuple(level.tokens_per_s for level in levels),
        utilization=UTILIZATION,
    )
    return Surface(
        latency=latency, throughput=throughput, sources=_sources(latency, prefill, origins)
    )


def _quantiles(rows: Sequence[tuple[tuple[float, float], Sequence[float]]]) -> Quantiles:
    """Grids of p50, p95 and p99 from each row's p50 and p95 and what its columns add to them."""

    def grid(z: float) -> Grid:
        return tuple(
            tuple(round(p50 + (p95 - p50) * z / Z95 + added, DIGITS) for added in columns)
            for (p50, p95), columns in rows
        )

    return Quantiles(p50=grid(0.0), p95=grid(Z95), p99=grid(Z99))


def _sources(latency: LatencySurface, prefill: Prefill, origins: Origins) -> Sources:
    """The source of every axis and cell, and of the throughput."""
    by_quantile = {"p50": origins.p50, "p95": origins.p95, "p99": NORMAL_TAIL}
    sources = {
        "latency.concurrency": origins.p50,
        "latency.prompt_tokens": origins.prompt_tokens,
        "throughput.prefill_tokens_per_s": prefill.rate_from,
        "throughput.decode_tokens_per_s": origins.p50,
        "throughput.utilization": "a convention, as for measured profiles",
    }
    for quantile, source in by_quantile.items():
        for row, concurrency in enumerate(latency.concurrency):
            longer = (
                f"derived: the first column plus {concurrency} times the prefill, as all requests "
                f"at the replica share it: {prefill.further_from}"
            )
            sources[f"latency.ttft_ms.{quantile}[{row}][0]"] = source
            for column in range(1, len(latency.prompt_tokens)):
                sources[f"latency.ttft_ms.{quantile}[{row}][{column}]"] = longer
            sources[f"latency.tpot_ms.{quantile}[{row}]"] = (
                f"{source}; the same for all prompt lengths, as what longer ones cost is counted "
                f"as prefill"
            )
    return sources
