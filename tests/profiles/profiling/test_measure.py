"""A run goes on with the engine it began with, or not at all."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from profiles.errors import ProfilingError, ResumeRefused
from profiles.profiling.engine import EngineSpec
from profiles.profiling.fit import fit_profile
from profiles.profiling.measure import PairPlan, measure_pair
from profiles.profiling.measurement import Measurement
from profiles.profiling.progress import run_progress
from profiles.profiling.run_folder import RunFolder
from serve_app.core.profile import Profile, Provenance, TaskAccuracy
from tests.profiles.profiling.runs import a_plan
from tests.profiles.profiling.test_engine import METRICS, a_server, serving
from tests.profiles.samples import a_measurement, a_pair, a_spec, an_engine_record, outcomes

BEGAN_WITH = an_engine_record(engine_version="0.31.0")
ENGINE = {
    "/v1/models": serving("tiny-bf16"),
    "/version": '{"version": "0.32.0"}',
    "/metrics": METRICS,
}


def an_earlier_profile() -> Profile:
    now = Provenance(origin="measured", date="2026-11-22")
    return fit_profile(a_measurement(), parent=(), utilization=0.6, provenance=now)


async def measured(spec: EngineSpec, folder: Path, plan: PairPlan | None = None) -> Measurement:
    console = Console(file=io.StringIO())
    with run_progress(1, console) as bar, bar.pair(spec.pair.id) as progress:
        return await measure_pair(
            spec,
            plan or a_plan(folder).measured,
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


def everything_on_disk(folder: Path, plan: PairPlan) -> EngineSpec:
    """A finished run in `folder`, and the spec of its pair; nothing there is an engine."""
    checkpoint = folder / "checkpoint"
    checkpoint.mkdir()
    (checkpoint / "model.safetensors").write_bytes(b"weights!")
    Tokenizer(WordLevel({"word": 0}, unk_token="word")).save(str(checkpoint / "tokenizer.json"))
    run = RunFolder(folder)
    run.write_engine(BEGAN_WITH)
    run.write_outcomes(outcomes(1.0, 0.0), items_digest=plan.items_digest)
    run.write_benchmarks({"gsm8k": TaskAccuracy(mean=0.4, lower=0.3, items=100)})
    for place in plan.grid.places(a_pair()):
        for number in (1, 2):
            load = plan.grid.load(place, seed=0)
            run.round_path(place, number).write_text(a_result(load.requests, place.prompt_tokens))
    return replace(a_spec(), checkpoint=str(checkpoint))


def a_result(requests: int, prompt_tokens: int) -> str:
    """What the load generator writes of requests that all took the same."""
    return json.dumps(
        {
            "input_lens": [prompt_tokens] * requests,
            "output_lens": [4] * requests,
            "ttfts": [0.05] * requests,
            "latencies": [0.11] * requests,
            "start_times": list(range(requests)),
            "errors": [""] * requests,
        }
    )


async def test_what_lies_on_disk_whole_is_taken_from_there_without_an_engine(
    tmp_path: Path,
) -> None:
    plan = replace(a_plan(tmp_path).measured, benchmarks=("gsm8k",))
    spec = everything_on_disk(tmp_path, plan)

    found = await measured(spec, tmp_path, plan)

    assert [point.tpot_ms[0] for point in found.points] == pytest.approx([20, 20])
    assert found.accuracy["overall"].mean == 0.5
    assert found.benchmarks["gsm8k"].mean == 0.4
    assert (found.cold_start_s, found.memory.weights_bytes) == (30.0, 8)
    assert not (tmp_path / "engine.log").exists()


async def test_a_benchmark_that_an_earlier_run_had_and_this_does_not_ask_for_is_left_out(
    tmp_path: Path,
) -> None:
    plan = a_plan(tmp_path).measured

    found = await measured(everything_on_disk(tmp_path, plan), tmp_path, plan)

    assert found.benchmarks == {}
