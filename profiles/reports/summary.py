"""The summary table: one column per pair, the facts below each other in groups."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
from serve_app.core.profile import Grid, Profile, Quantiles

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
    profiles = tuple(catalog)
    groups = (
        ("What it is", _identity()),
        ("Cost", _cost(catalog)),
        ("Memory and start", MEMORY),
        (f"Latency at prompts of {prompt_tokens:,} tokens, p50 / p95", _latency(prompt_tokens)),
        ("Accuracy, with 95 % interval", ACCURACY),
    )
    return tuple(
        Group(
            title=title,
            rows=tuple(
                Row(label=label, cells=tuple(fact(profile) for profile in profiles))
                for label, fact in facts.items()
            ),
        )
        for title, facts in groups
    )


def _identity() -> dict[str, Fact]:
    return {
        "Model": lambda p: p.model,
        "Quantization": lambda p: (
            f"{p.quantization.name}: {p.quantization.weight_bits:g}-bit weights, "
            f"{p.quantization.activations} activations"
        ),
        "Hardware of one replica": lambda p: (
            f"{p.hardware.count:g} {TIMES} {p.hardware.accelerator}"
        ),
        "Engine": lambda p: f"{p.engine} {p.engine_version}",
        "Context window": lambda p: f"{p.context_window:,} tokens",
        "Requests at once": lambda p: f"{p.max_concurrency:,}",
        "Tokens against the reference": lambda p: f"{p.tokens_ratio:.3g} {TIMES}",
    }


def _cost(catalog: Catalog) -> dict[str, Fact]:
    return {
        "USD per hour": lambda p: usd(p.hardware.usd_per_hour),
        "USD per million tokens in": lambda p: usd(catalog.prices[p.pair].usd_per_mtok_in),
        "USD per million tokens out": lambda p: usd(catalog.prices[p.pair].usd_per_mtok_out),
        "Stated utilization": lambda p: percent(p.throughput.utilization),
    }


def _optional_size(count: int | None) -> str:
    return MISSING if count is None else size(count)


def _cache_tokens(profile: Profile) -> str:
    tokens = profile.memory.kv_cache_tokens
    return MISSING if tokens is None else f"{tokens:,}"


def _peak(profile: Profile) -> str:
    of = {"rss": "resident", "gpu": "GPU"}[profile.memory.peak_of]
    return f"{size(profile.memory.peak_bytes)} {of}"


MEMORY: dict[str, Fact] = {
    "Weights on disk": lambda p: size(p.memory.weights_bytes),
    "Weights loaded": lambda p: _optional_size(p.memory.weights_loaded_bytes),
    "KV cache": lambda p: size(p.memory.kv_cache_bytes),
    "KV cache, tokens": _cache_tokens,
    "Peak memory": _peak,
    "Cold start": lambda p: f"{quantity(p.cold_start_s)} s",
}


def nearest_column(profile: Profile, prompt_tokens: int) -> int:
    """The measured prompt length that is closest to `prompt_tokens`; the shorter of two."""
    axis = profile.latency.prompt_tokens
    return min(range(len(axis)), key=lambda index: abs(axis[index] - prompt_tokens))


def _latency(prompt_tokens: int) -> dict[str, Fact]:
    def at(quantiles: Quantiles, profile: Profile, row: int) -> str:
        column = nearest_column(profile, prompt_tokens)

        def cell(grid: Grid) -> str:
            return quantity(grid[row][column])

        told = f"{cell(quantiles.p50)} / {cell(quantiles.p95)}"
        actual = profile.latency.prompt_tokens[column]
        return told if actual == prompt_tokens else f"{told} (at {actual:,} tokens)"

    def rate(profile: Profile, row: int) -> str:
        return quantity(profile.throughput.decode_tokens_per_s[row])

    return {
        "Concurrency measured": lambda p: ", ".join(f"{c:,}" for c in p.latency.concurrency),
        "TTFT at lowest load, ms": lambda p: at(p.latency.ttft_ms, p, 0),
        "TTFT at highest load, ms": lambda p: at(p.latency.ttft_ms, p, -1),
        "TPOT at lowest load, ms": lambda p: at(p.latency.tpot_ms, p, 0),
        "TPOT at highest load, ms": lambda p: at(p.latency.tpot_ms, p, -1),
        "Output tokens/s, lowest load": lambda p: rate(p, 0),
        "Output tokens/s, highest load": lambda p: rate(p, -1),
        "Prompt tokens/s": lambda p: quantity(p.throughput.prefill_tokens_per_s),
    }


def _overall(profile: Profile) -> str:
    overall = profile.accuracy["overall"]
    return f"{percent(overall.mean)} ({interval(overall)})"


def _against_parent(profile: Profile) -> str:
    paired = profile.against_parent.get("overall")
    if paired is None:
        return MISSING
    ends = f"{points(paired.lower)} to {points(paired.upper)}"
    return f"{points(paired.change)} points ({ends})"


def _lost_and_won(profile: Profile) -> str:
    paired = profile.against_parent.get("overall")
    return MISSING if paired is None else f"{paired.lost} / {paired.won} of {paired.items}"


ACCURACY: dict[str, Fact] = {
    "Overall": _overall,
    "Items": lambda p: f"{p.accuracy['overall'].items:,}",
    "Parent": lambda p: p.parent or MISSING,
    "Change against the parent": _against_parent,
    "Items lost / won": _lost_and_won,
}
