"""A fleet is profiled: once for real, and with pairs that cannot be."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from profiles.evaluation import Item, Message
from profiles.measuring.engine import EngineSpec
from profiles.measuring.grid import Grid
from profiles.measuring.profiler import FleetRun, ProfilingPlan, profile_fleet
from profiles.measuring.progress import run_progress
from profiles.measuring.record import read_profile, sole_profiler
from tests.profiles.samples import a_pair, a_spec
from tests.profiles.tiny_model import save_tiny_model

WINDOW = 2048
ITEMS = tuple(
    Item(
        id=f"item-{number}",
        task="classification",
        messages=(Message(role="user", content=f"word{number} word{number + 1}"),),
        reference=f"word{number}",
        grader="contains",
        max_tokens=4,
    )
    for number in range(8)
)


def a_plan(folder: Path, reference_tokenizer: Path) -> ProfilingPlan:
    return ProfilingPlan(
        out=folder / "data",
        raw=folder / "raw",
        items=ITEMS,
        reference_tokenizer=reference_tokenizer,
        command="quantroute profile",
        grid=Grid(concurrency=(1, 2), prompt_tokens=(16, 1536), output_tokens=4),
    )


async def profiled(plan: ProfilingPlan, *specs: EngineSpec) -> tuple[FleetRun, str]:
    """The run, and what it showed."""
    shown = io.StringIO()
    with run_progress(len(specs), Console(file=shown)) as progress:
        return await profile_fleet(specs, plan, progress=progress), shown.getvalue()


@pytest.mark.vllm
async def test_a_real_engine_is_started_measured_and_written_down(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint"
    save_tiny_model(checkpoint, window=WINDOW)
    spec = EngineSpec(
        pair=a_pair("tiny-bf16", window=WINDOW),
        checkpoint=str(checkpoint),
        # The CPU build's bfloat16 attention wants AMX, which not every machine grants.
        engine_kwargs={"max_model_len": WINDOW, "enforce_eager": True, "dtype": "float32"},
        env={
            "VLLM_CPU_KVCACHE_SPACE": "1",
            "VLLM_CPU_OMP_THREADS_BIND": "nobind",
            "OMP_NUM_THREADS": "1",
            "VLLM_NO_USAGE_STATS": "1",
            "HF_HUB_OFFLINE": "1",
        },
    )
    missing = replace(spec, pair=a_pair("tiny-int4"), url="http://127.0.0.1:9", parent="tiny-bf16")

    run, shown = await profiled(a_plan(tmp_path, checkpoint / "tokenizer.json"), missing, spec)

    assert [failure.pair for failure in run.failed] == ["tiny-int4"], run.failed
    (written,) = run.written
    profile = read_profile(written.path)
    assert profile == written.profile
    assert (profile.latency.concurrency, profile.latency.prompt_tokens) == ((1, 2), (16, 1536))
    assert profile.memory.peak_bytes > profile.memory.weights_bytes > 0
    assert profile.memory.kv_cache_bytes == 2**30
    assert profile.cold_start_s > 0
    assert profile.accuracy["overall"].items == len(ITEMS)
    assert profile.tokens_ratio == 1.0
    assert "tiny-bf16: 2 at once, 1536 tokens" in shown
    raw = tmp_path / "raw" / "tiny-bf16"
    assert {"c1-p16.json", "c2-p1536.json", "answers.json", "engine.log"} <= {
        file.name for file in raw.iterdir()
    }
    assert len(json.loads((raw / "c1-p16.json").read_text())["ttfts"]) >= 20


async def test_every_pair_that_fails_is_named_with_its_cause(tmp_path: Path) -> None:
    running = replace(a_spec("tiny-w8a8"), url="http://127.0.0.1:9")
    narrow = replace(a_spec("tiny-int4"), pair=a_pair("tiny-int4", window=128))

    run, _ = await profiled(a_plan(tmp_path, tmp_path / "tokenizer.json"), running, narrow)

    assert run.written == ()
    causes = {failure.pair: failure.cause for failure in run.failed}
    assert "has no profile to take them from" in causes["tiny-w8a8"]
    assert "has a window of 128" in causes["tiny-int4"]
    assert not any("\n" in cause for cause in causes.values())


async def test_an_engine_that_does_not_load_leaves_the_end_of_its_log(tmp_path: Path) -> None:
    package = tmp_path / "broken" / "vllm"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('no such device')")
    spec = replace(a_spec(), env={"PYTHONPATH": str(tmp_path / "broken")})

    run, _ = await profiled(a_plan(tmp_path, tmp_path / "tokenizer.json"), spec)

    (failure,) = run.failed
    assert "RuntimeError: no such device" in failure.cause
    assert "Traceback" in failure.log_tail


async def test_a_pair_under_measurement_elsewhere_is_left_alone(tmp_path: Path) -> None:
    plan = a_plan(tmp_path, tmp_path / "tokenizer.json")

    with sole_profiler(plan.out / "tiny" / "tiny-bf16@CPU.json", "tiny-bf16"):
        run, _ = await profiled(plan, a_spec("tiny-bf16"))

    assert "is being profiled by process" in run.failed[0].cause
