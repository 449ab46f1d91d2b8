"""A run goes on with the engine it began with, or not at all."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from profiles.errors import ProfilingError, ResumeRefused
from profiles.profiling.engine import EngineSpec
from profiles.profiling.measure import PairPlan, measure_pair
from profiles.profiling.progress import run_progress
from profiles.profiling.run_folder import RunFolder
from tests.profiles.profiling.runs import a_finished_run, a_plan
from tests.profiles.profiling.test_engine import METRICS, a_server, serving
from tests.profiles.samples import a_fitted_profile, a_spec, an_engine_record

BEGAN_WITH = an_engine_record(engine_version="0.31.0")
ENGINE = {
    "/v1/models": serving("tiny-bf16"),
    "/version": '{"version": "0.32.0"}',
    "/metrics": METRICS,
}


async def measured(spec: EngineSpec, folder: Path, plan: PairPlan | None = None) -> None:
    console = Console(file=io.StringIO())
    with run_progress(1, console) as bar, bar.pair(spec.pair.id) as progress:
        await measure_pair(
            spec,
            plan or a_plan(folder).measured,
            RunFolder(folder),
            seed=1,
            earlier=a_fitted_profile(),
            progress=progress,
        )


async def test_another_version_of_the_engine_ends_a_run_that_would_go_on(tmp_path: Path) -> None:
    RunFolder(tmp_path).write_engine(BEGAN_WITH)

    with (
        a_server(ENGINE) as url,
        pytest.raises(ResumeRefused, match=r"engine was version 0\.31\.0 and is 0\.32\.0"),
    ):
        await measured(replace(a_spec(), url=url), tmp_path)


async def test_an_engine_found_running_is_said_to_have_started_as_last_time(
    tmp_path: Path,
) -> None:
    # The checkpoint is not there: the run ends once it has looked at the engine.
    with a_server(ENGINE) as url, pytest.raises(ProfilingError, match="'org/tiny'"):
        await measured(replace(a_spec(), url=url), tmp_path)

    record = json.loads((tmp_path / "engine.json").read_text())
    assert (record["cold_start_s"], record["peak_bytes"]) == (30.0, 5000)
    assert (record["engine_version"], record["kv_cache_bytes"]) == ("0.32.0", 4096)


async def test_what_lies_on_disk_whole_is_not_measured_again(tmp_path: Path) -> None:
    plan = replace(a_plan(tmp_path).measured, benchmarks=("gsm8k",))
    spec = a_finished_run(tmp_path, plan)

    await measured(spec, tmp_path, plan)

    assert not (tmp_path / "engine.log").exists()
