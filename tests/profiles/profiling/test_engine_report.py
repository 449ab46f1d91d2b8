"""What vLLM says of its memory, read from lines that version 0.32 writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from profiles.profiling.engine import EngineReport, engine_report

METRICS = """\
# HELP vllm:cache_config_info Information of the LLMEngine CacheConfig
# TYPE vllm:cache_config_info gauge
vllm:cache_config_info{block_size="128",kv_cache_memory_bytes="%s",kv_cache_size_tokens="%s"} 1.0
"""
NOTHING_TOLD = METRICS % ("None", "None")
CPU_LOG = """\
(Worker pid=9) INFO [cpu_worker.py:260] Explicitly set (1.0/21.21) GiB for KV cache on node 0.
(EngineCore pid=8) INFO [kv_cache_utils.py:2327] CPU KV cache size: 46,592 tokens, Maximum ...
"""
GPU_LOG = """\
INFO [gpu_model_runner.py:5150] Model loading took 14.25 GiB memory and 3.100000 seconds
INFO [gpu_worker.py:760] Available KV cache memory: 1.5 GiB
INFO [kv_cache_utils.py:2327] GPU KV cache size: 12,288 tokens, Maximum concurrency for 2,048 ...
"""


def reported(tmp_path: Path, metrics: str, log: str, *, workers: int = 1) -> EngineReport:
    path = tmp_path / "engine.log"
    path.write_text(log)
    return engine_report(metrics, path, workers=workers)


def test_a_configured_kv_cache_is_read_from_the_metrics() -> None:
    report = engine_report(METRICS % ("1073741824", "46592"), None)

    assert (report.kv_cache_bytes, report.kv_cache_tokens) == (1073741824, 46592)


def test_a_cpu_engine_tells_its_capacity_but_not_what_its_weights_take(tmp_path: Path) -> None:
    report = reported(tmp_path, METRICS % ("1073741824", "None"), CPU_LOG)

    assert report.kv_cache_tokens == 46592
    assert report.weights_loaded_bytes is None


def test_what_a_gpu_engine_found_out_is_read_from_its_log(tmp_path: Path) -> None:
    report = reported(tmp_path, NOTHING_TOLD, GPU_LOG)

    assert report.kv_cache_bytes == 1.5 * 2**30
    assert report.kv_cache_tokens == 12288
    assert report.weights_loaded_bytes == 14.25 * 2**30


def test_bytes_of_one_worker_count_for_each_and_tokens_once(tmp_path: Path) -> None:
    report = reported(tmp_path, NOTHING_TOLD, GPU_LOG, workers=4)

    assert report.kv_cache_bytes == 4 * 1.5 * 2**30
    assert report.weights_loaded_bytes == 4 * 14.25 * 2**30
    assert report.kv_cache_tokens == 12288


@pytest.mark.parametrize("metrics", [NOTHING_TOLD, ""], ids=["not configured", "no such metric"])
def test_what_nothing_tells_is_unknown(metrics: str) -> None:
    assert engine_report(metrics, None) == EngineReport(
        kv_cache_bytes=None, kv_cache_tokens=None, weights_loaded_bytes=None
    )
