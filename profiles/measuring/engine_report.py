"""What a vLLM engine says of its own memory, in its metrics and in its log."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

CACHE_INFO = "vllm:cache_config_info"
# Only GPU workers say what their weights take.
_WEIGHTS = re.compile(r"Model loading took ([\d.]+) GiB")
_CACHE_BYTES = re.compile(r"Available KV cache memory: ([\d.]+) GiB")
_CACHE_TOKENS = re.compile(r"KV cache size: ([\d,]+) tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineReport:
    """Figures of one replica; `None` where the engine does not tell."""

    kv_cache_bytes: int | None
    kv_cache_tokens: int | None
    weights_loaded_bytes: int | None


def engine_report(metrics: str, log_path: Path | None, *, workers: int = 1) -> EngineReport:
    """What was configured is a metric, what the engine found out stands in its log only.

    Bytes are told for one of the `workers` that a replica is spread over; all hold as much. Tokens
    are told for all together.
    """
    labels = _cache_labels(metrics)
    log = "" if log_path is None else log_path.read_text(errors="replace")
    return EngineReport(
        kv_cache_bytes=_times(
            workers, _whole(labels.get("kv_cache_memory_bytes")) or _gib(_CACHE_BYTES, log)
        ),
        kv_cache_tokens=_whole(labels.get("kv_cache_size_tokens")) or _tokens(log),
        weights_loaded_bytes=_times(workers, _gib(_WEIGHTS, log)),
    )


def _cache_labels(metrics: str) -> dict[str, str]:
    for family in text_string_to_metric_families(metrics):
        for sample in family.samples:
            if sample.name == CACHE_INFO:
                return sample.labels
    return {}


def _whole(label: str | None) -> int | None:
    return int(label) if label and label.isdecimal() else None


def _times(workers: int, each_bytes: int | None) -> int | None:
    return None if each_bytes is None else workers * each_bytes


def _gib(pattern: re.Pattern[str], log: str) -> int | None:
    found = pattern.findall(log)
    return round(float(found[-1]) * 2**30) if found else None


def _tokens(log: str) -> int | None:
    found = _CACHE_TOKENS.search(log)
    return int(found[1].replace(",", "")) if found else None
