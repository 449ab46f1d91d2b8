"""A real profiling run is killed, and goes on where it was."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from watchfiles import awatch

from profiles.profiling.profile_file import outcomes_path, read_profile
from tests.profiles.profiling.runs import ITEMS, WINDOW, a_plan, profiled, tiny_spec
from tests.profiles.tiny_model import save_tiny_model

RUN = """
import asyncio, sys
from pathlib import Path
from profiles.profiling.profiler import profile_fleet
from profiles.profiling.progress import run_progress
from tests.profiles.profiling.runs import a_plan, tiny_spec

folder = Path(sys.argv[1])
with run_progress(1) as progress:
    asyncio.run(profile_fleet([tiny_spec(folder)], a_plan(folder), progress=progress))
"""
GIVE_UP_S = 480
FIRST_ROUNDS = ("c2-p16-r1.json", "c2-p1536-r1.json")


async def killed_once(file: Path, folder: Path) -> None:
    """Runs the profiler of `folder` and kills it as soon as `file` is there."""
    file.parent.mkdir(parents=True)
    watch = awatch(file.parent, step=10, debounce=20)
    profiler = await asyncio.create_subprocess_exec(sys.executable, "-c", RUN, str(folder))
    try:
        async with asyncio.timeout(GIVE_UP_S):
            async for changes in watch:
                if any(path == str(file) for _, path in changes):
                    break
        started = psutil.Process(profiler.pid).children(recursive=True)
    finally:
        profiler.kill()
        await profiler.wait()
    _, alive = await asyncio.to_thread(psutil.wait_procs, started, timeout=60)
    assert alive == [], "an engine outlived its profiler"


@pytest.mark.vllm
async def test_a_killed_run_goes_on_without_measuring_again_what_it_has(tmp_path: Path) -> None:
    save_tiny_model(tmp_path / "checkpoint", window=WINDOW)
    raw = tmp_path / "raw" / "tiny-bf16"
    await killed_once(raw / FIRST_ROUNDS[1], tmp_path)
    before = {name: (raw / name).stat().st_mtime_ns for name in FIRST_ROUNDS}
    began = json.loads((raw / "run.json").read_text())["started_at"]
    spec, plan = tiny_spec(tmp_path), a_plan(tmp_path, resume=True)
    parted = replace(spec, pair=replace(spec.pair, id="tiny-int4"), url="http://127.0.0.1:9")

    run, shown = await profiled(plan, spec, parted)

    assert [failure.pair for failure in run.failed] == ["tiny-int4"], run.failed
    assert {name: (raw / name).stat().st_mtime_ns for name in FIRST_ROUNDS} == before
    assert "16 tokens, round 1" not in shown
    assert "16 tokens, round 2" in shown
    (written,) = run.written
    profile = read_profile(written.path)
    assert profile == written.profile
    assert profile.provenance.date.removesuffix("+00:00") in began
    assert profile.latency.median_error is not None
    assert profile.latency.median_error.samples == ((14, 14),)
    assert profile.memory.peak_bytes > profile.memory.weights_bytes > 0
    assert profile.memory.kv_cache_bytes == 2**30
    assert (profile.memory.kv_cache_tokens or 0) > WINDOW
    assert profile.cold_start_s > 0
    assert profile.accuracy["overall"].items == len(ITEMS)
    assert profile.tokens_ratio == 1.0
    assert outcomes_path(written.path).exists()

    again, shown = await profiled(plan, spec)

    assert shown == "tiny-bf16: all of it was measured before\n"
    assert again.written[0].profile == profile
