"""What a profiling run found, for people and for machines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rich.table import Table

from serve_app.core.cost import TokenPrice

if TYPE_CHECKING:
    from profiles.measuring.profiler import FleetRun
    from serve_app.core.profile import Profile, TaskAccuracy


def profile_document(run: FleetRun) -> str:
    """One JSON document: every written profile's main figures, and every failure."""
    document = {
        "written": [
            {"path": str(done.path), **profile_summary(done.profile)} for done in run.written
        ],
        "failed": [{"pair": failure.pair, "cause": failure.cause} for failure in run.failed],
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
    """A row per written profile."""
    table = Table(
        "pair",
        "TTFT, TPOT alone",
        "TTFT, TPOT at most",
        "tokens/s",
        "USD per million in, out",
        "accuracy (95 %)",
        "start",
        "peak",
        caption="p50 with the shortest prompts; tokens/s at the highest concurrency",
    )
    for done in run.written:
        figures = profile_summary(done.profile)
        alone, busiest = figures["latency"][0], figures["latency"][-1]
        accuracy = figures["accuracy"]
        table.add_row(
            done.profile.pair,
            _times(alone),
            f"{_times(busiest)} ({busiest['concurrency']} at once)",
            f"{busiest['output_tokens_per_s']:.0f}",
            f"{figures['usd_per_mtok_in']:.4f}, {figures['usd_per_mtok_out']:.4f}",
            f"{accuracy['mean']:.3f} ({accuracy['lower']:.3f} to {accuracy['upper']:.3f})",
            f"{figures['cold_start_s']:.0f} s",
            f"{figures['peak_bytes'] / 2**30:.1f} GiB {figures['peak_of']}",
        )
    return table


def _times(place: dict[str, float]) -> str:
    return f"{place['ttft_p50_ms']:.0f}, {place['tpot_p50_ms']:.1f} ms"


def _interval(accuracy: TaskAccuracy) -> dict[str, float]:
    return {
        "mean": accuracy.mean,
        "lower": accuracy.lower,
        "upper": accuracy.upper,
        "items": accuracy.items,
    }
