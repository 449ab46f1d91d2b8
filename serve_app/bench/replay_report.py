"""What a replay found, for people and for machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from serve_app.bench.replay import TARGET, PairReplay, ReplayBench


def as_document(result: ReplayBench) -> dict[str, Any]:
    """The figures without every single request's."""
    return {
        "error": result.error,
        "target": TARGET,
        "met": result.met,
        "pairs": [
            {
                "pair": pair.pair,
                "error": pair.error,
                "places": [
                    {
                        **{k: v for k, v in asdict(place).items() if k != "errors"},
                        "ttft_error": place.ttft_error,
                        "tpot_error": place.tpot_error,
                    }
                    for place in pair.places
                ],
            }
            for pair in result.pairs
        ],
    }


def report(result: ReplayBench) -> str:
    return "\n".join([*_lines(result.pairs), _verdict(result)])


def _lines(pairs: Sequence[PairReplay]) -> list[str]:
    lines = []
    for pair in pairs:
        lines.append(f"{pair.pair}: whole answers {pair.error:.1%} off (median)")
        lines += [
            f"  {place.concurrency} at once, {place.prompt_tokens} tokens: "
            f"answers {place.e2e_error:.1%} off (bias {place.e2e_bias:+.1%}), "
            f"TTFT {place.ttft_predicted_ms:.0f} for {place.ttft_p50_ms:.0f} ms "
            f"({place.ttft_error:+.1%}), "
            f"TPOT {place.tpot_predicted_ms:.1f} for {place.tpot_p50_ms:.1f} ms "
            f"({place.tpot_error:+.1%}), {place.samples} samples"
            for place in pair.places
        ]
    return lines


def _verdict(result: ReplayBench) -> str:
    verdict = "met" if result.met else "MISSED"
    return f"all pairs: {result.error:.1%} off (median); the target of {TARGET:.0%} is {verdict}"
