"""A run goes on with the engine it began with, or not at all."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from profiles.failures import ProfilingError, ResumeRefused
from profiles.measuring.engine import EngineSpec
from profiles.measuring.fit import fit_profile
from profiles.measuring.measure import measure_pair
from profiles.measuring.progress import run_progress
from profiles.measuring.run_folder import EngineRecord, RunFolder
from serve_app.core.profile import Profile, Provenance
from tests.profiles.measuring.runs import a_plan
from tests.profiles.measuring.test_engine import METRICS, a_server, serving
from tests.profiles.samples import a_measurement, a_spec

BEGAN_WITH = EngineRecord(
    engine_version="0.31.0",
    machine="a machine",
    cold_start_s=30.0,
    peak_bytes=5000,
    peak_of="rss",
    kv_cache_bytes=2000,
    kv_cache_tokens=100,
    weights_loaded_bytes=None,
)
ENGINE = {
    "/v1/models": serving("tiny-bf16"),
    "/version": '{"version": "0.32.0"}',
    "/metrics": METRICS,
}


def an_earlier_profile() -> Profile:
    now = Provenance(origin="measured", date="2026-11-22")
    return fit_profile(a_measurement(), parent=(), utilization=0.6, provenance=now)


async def measured(spec: EngineSpec, folder: Path) -> None:
    console = Console(file=io.StringIO())
    with run_progress(1, console) as bar, bar.pair(spec.pair.id) as progress:
        await measure_pair(
            spec,
            a_plan(folder).measured,
            RunFolder(folder),
            seed=1,
            earlier=an_earlier_profile(),
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
