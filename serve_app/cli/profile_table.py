"""What a profiling run found, for people and for machines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE
from rich.table import Table

from serve_app.core.cost import TokenPrice

if TYPE_CHECKING:
    from pathlib import Path

    from profiles.measuring.profiler import FleetRun, Written
    from serve_app.core.profile import Profile, TaskAccuracy


def profile_document(run: FleetRun, page: Path | None) -> str:
    """One JSON document: every written profile's main figures, every failure, and the report."""
    document = {
        "written": [
            {"path": str(done.path), **profile_summary(done.profile)} for done in run.written
        ],
        "failed": [{"pair": failure.pair, "cause": failure.cause} for failure in run.failed],
        "report": str(page) if page else None,
    }
    return json.dumps(document, indent=2)


def profile_summary(profile: Profile) -> dict[str, Any]:
    """The figures that people compare pairs by."""
    price, surface = TokenPrice.of(profile), profile.latency
    return {
        "pair": profile.pair,
        "usd_per_mtok_in": price.usd_per_mtok_in,
        "usd_per_mtok_out": price.usd_per_mtok_out,
        "utilization": profile.throughput.utilization,
        "prompt_tokens": surface.prompt_tokens[0],
        "latency": [
            {
                "concurrency": surface.concurrency[row],
                "ttft_p50_ms": surface.ttft_ms.p50[row][0],
                "tpot_p50_ms": surface.tpot_ms.p50[row][0],
                "output_tokens_per_s": profile.throughput.decode_tokens_per_s[row],
            }
            for row in sorted({0, len(surface.concurrency) - 1})
        ],
        "prefill_tokens_per_s": profile.throughput.prefill_tokens_per_s,
        "accuracy": _interval(profile.accuracy["overall"]),
        "relative_accuracy": profile.relative_accuracy,
        "benchmarks": {name: _interval(value) for name, value in profile.benchmarks.items()},
        "cold_start_s": profile.cold_start_s,
        "weights_bytes": profile.memory.weights_bytes,
        "kv_cache_tokens": profile.memory.kv_cache_tokens,
        "peak_bytes": profile.memory.peak_bytes,
        "peak_of": profile.memory.peak_of,
    }


def profile_table(run: FleetRun) -> Table:
    """A row per written profile, narrow enough for 80 columns."""
    table = Table(
        box=SIMPLE,
        padding=(0, 1, 0, 0),
        caption="p50 of TTFT, TPOT in ms with the shortest prompts, alone and (n) at once; 95 %",
    )
    table.add_column("pair", no_wrap=True)
    for heading in ("alone", "at most", "tok/s", "$/M in, out", "accuracy"):
        table.add_column(heading, justify="right", no_wrap=True)
    for done in run.written:
        figures = profile_summary(done.profile)
        alone, busiest = figures["latency"][0], figures["latency"][-1]
        accuracy = figures["accuracy"]
        table.add_row(
            done.profile.pair,
            _times(alone),
            f"{_times(busiest)} ({busiest['concurrency']})",
            f"{busiest['output_tokens_per_s']:.0f}",
            f"{figures['usd_per_mtok_in']:.2g}, {figures['usd_per_mtok_out']:.2g}",
            f"{accuracy['lower']:.2f}-{accuracy['upper']:.2f}",
        )
    return table


def profile_line(done: Written) -> str:
    """Where a profile is, and what its engine took."""
    profile = done.profile
    peak_gib = profile.memory.peak_bytes / 2**30
    return (
        f"{profile.pair}: {done.path}; first token after {profile.cold_start_s:.0f} s, "
        f"peak {peak_gib:.1f} GiB {profile.memory.peak_of}"
    )


def _times(place: dict[str, float]) -> str:
    return f"{place['ttft_p50_ms']:.0f}, {place['tpot_p50_ms']:.1f}"


def _interval(accuracy: TaskAccuracy) -> dict[str, float]:
    return {
        "mean": accuracy.mean,
        "lower": accuracy.lower,
        "upper": accuracy.upper,
        "items": accuracy.items,
    }
