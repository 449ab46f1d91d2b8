"""The summary table: one column per pair, the facts below each other in groups."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from profiles.reports.formatting import (
    MISSING,
    TIMES,
    interval,
    percent,
    points,
    quantity,
    size,
    usd,
)
from serve_app.core.catalog import Catalog
from serve_app.core.cost import TokenPrice
from serve_app.core.profile import Profile, Quantiles

T = TypeVar("T")
Fact = Callable[[Profile], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One fact, with a cell per pair."""

    label: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Facts that belong together."""

    title: str
    rows: tuple[Row, ...]


def summary(catalog: Catalog, *, prompt_tokens: int) -> tuple[Group, ...]:
    """`prompt_tokens` names the prompt length whose latencies are shown, the nearest measured."""
    latency_title = f"Latency at prompts of {prompt_tokens:,} tokens, p50 / p95"
    groups = {
        "What it is": IDENTITY,
        "Cost": COST,
        "Memory and start": MEMORY,
        latency_title: _latency(prompt_tokens),
        "Accuracy, with 95 % interval": ACCURACY,
    }
    return tuple(
        Group(
            title=title,
            rows=tuple(
                Row(label=label, cells=tuple(fact(profile) for profile in catalog))
                for label, fact in facts.items()
            ),
        )
        for title, facts in groups.items()
    )


def nearest_column(profile: Profile, prompt_tokens: int) -> int:
    """The measured prompt length that is closest to `prompt_tokens`; the shorter of two."""
    axis = profile.latency.prompt_tokens
    return min(range(len(axis)), key=lambda index: abs(axis[index] - prompt_tokens))


def _latency(prompt_tokens: int) -> dict[str, Fact]:
    def at(quantiles: Quantiles, profile: Profile, row: int) -> str:
        column = nearest_column(profile, prompt_tokens)
        p50, p95 = quantity(quantiles.p50[row][column]), quantity(quantiles.p95[row][column])
        actual = profile.latency.prompt_tokens[column]
        elsewhere = "" if actual == prompt_tokens else f" (at {actual:,} tokens)"
        return f"{p50} / {p95}{elsewhere}"

    return {
        "Concurrency measured": lambda p: ", ".join(f"{c:,}" for c in p.latency.concurrency),
        "TTFT at lowest load, ms": lambda p: at(p.latency.ttft_ms, p, 0),
        "TTFT at highest load, ms": lambda p: at(p.latency.ttft_ms, p, -1),
        "TPOT at lowest load, ms": lambda p: at(p.latency.tpot_ms, p, 0),
        "TPOT at highest load, ms": lambda p: at(p.latency.tpot_ms, p, -1),
        "Output tokens/s, lowest load": lambda p: quantity(p.throughput.decode_tokens_per_s[0]),
        "Output tokens/s, highest load": lambda p: quantity(p.throughput.decode_tokens_per_s[-1]),
        "Prompt tokens/s": lambda p: quantity(p.throughput.prefill_tokens_per_s),
    }


def _known(value: T | None, shown: Callable[[T], str]) -> str:
    return MISSING if value is None else shown(value)


IDENTITY: dict[str, Fact] = {
    "Model": lambda p: p.model,
    "Quantization": lambda p: (
        f"{p.quantization.name}: {p.quantization.weight_bits:g}-bit weights, "
        f"{p.quantization.activations} activations"
    ),
    "Hardware of one replica": lambda p: f"{p.hardware.count:g} {TIMES} {p.hardware.accelerator}",
    "Engine": lambda p: f"{p.engine} {p.engine_version}",
    "Context window": lambda p: f"{p.context_window:,} tokens",
    "Requests at once": lambda p: f"{p.max_concurrency:,}",
    "Tokens against the reference": lambda p: f"{p.tokens_ratio:.3g} {TIMES}",
}
COST: dict[str, Fact] = {
    "USD per hour": lambda p: usd(p.hardware.usd_per_hour),
    "USD per million tokens in": lambda p: usd(TokenPrice.of(p).usd_per_mtok_in),
    "USD per million tokens out": lambda p: usd(TokenPrice.of(p).usd_per_mtok_out),
    "Stated utilization": lambda p: percent(p.throughput.utilization),
}
PEAK_OF = {"rss": "resident", "gpu": "GPU"}
MEMORY: dict[str, Fact] = {
    "Weights on disk": lambda p: size(p.memory.weights_bytes),
    "Weights loaded": lambda p: _known(p.memory.weights_loaded_bytes, size),
    "KV cache": lambda p: size(p.memory.kv_cache_bytes),
    "KV cache, tokens": lambda p: _known(p.memory.kv_cache_tokens, "{:,}".format),
    "Peak memory": lambda p: f"{size(p.memory.peak_bytes)} {PEAK_OF[p.memory.peak_of]}",
    "Cold start": lambda p: f"{quantity(p.cold_start_s)} s",
}
ACCURACY: dict[str, Fact] = {
    "Overall": lambda p: (
        f"{percent(p.accuracy['overall'].mean)} ({interval(p.accuracy['overall'])})"
    ),
    "Items": lambda p: f"{p.accuracy['overall'].items:,}",
    "Parent": lambda p: p.parent or MISSING,
    "Change against the parent": lambda p: _known(
        p.against_parent.get("overall"),
        lambda c: f"{points(c.change)} points ({points(c.lower)} to {points(c.upper)})",
    ),
    "Items lost / won": lambda p: _known(
        p.against_parent.get("overall"), lambda c: f"{c.lost} / {c.won} of {c.items}"
    ),
}
