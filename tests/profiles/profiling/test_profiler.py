"""A fleet is profiled, with pairs that cannot be."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from profiles.profiling.engine import EngineSpec
from profiles.profiling.profile_file import (
    outcomes_path,
    profile_path,
    raw_folder,
    read_profile,
    sole_profiler,
    write_profile,
    write_verdict,
)
from profiles.profiling.profiler import ProfilingPlan
from profiles.profiling.run_folder import Manifest, RunFolder, file_stamps, run_settings
from serve_app.core.profile import GoldenResult
from tests.builders import a_profile
from tests.profiles.profiling.runs import a_finished_run, a_plan, profiled
from tests.profiles.samples import a_pair, a_spec


async def test_every_pair_that_fails_is_named_with_its_cause(tmp_path: Path) -> None:
    running = replace(a_spec("tiny-w8a8"), url="http://127.0.0.1:9")
    narrow = replace(a_spec("tiny-int4"), pair=a_pair("tiny-int4", window=128))

    run, _ = await profiled(a_plan(tmp_path), running, narrow)

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

    run, _ = await profiled(a_plan(tmp_path), spec)

    (failure,) = run.failed
    assert "RuntimeError: no such device" in failure.cause
    assert "Traceback" in failure.log_tail


async def test_a_pair_under_measurement_elsewhere_is_left_alone(tmp_path: Path) -> None:
    plan = a_plan(tmp_path)

    with sole_profiler(plan.out / "tiny" / "tiny-bf16@CPU.json", "tiny-bf16"):
        run, _ = await profiled(plan, a_spec("tiny-bf16"))

    assert "is being profiled by process" in run.failed[0].cause


async def test_two_runs_into_one_raw_folder_are_refused_wherever_they_write(
    tmp_path: Path,
) -> None:
    plan = a_plan(tmp_path)
    raw = plan.raw / "tiny-bf16"

    with sole_profiler(raw / "run", "tiny-bf16"):
        elsewhere = replace(plan, out=tmp_path / "elsewhere")
        run, _ = await profiled(elsewhere, a_spec("tiny-bf16"))

    assert "is being profiled by process" in run.failed[0].cause


def a_run_to_resume(plan: ProfilingPlan, folder: Path) -> EngineSpec:
    """The spec of a pair of which `plan` has a whole run, begun on 22 November."""
    spec = a_finished_run(folder, plan.measured)
    files = [file for file in folder.iterdir() if file.is_file()]
    settings = run_settings(
        spec,
        plan.measured.grid,
        checkpoint_files=file_stamps(spec.checkpoint),
        items_digest=plan.measured.items_digest,
    )
    began = datetime(2026, 11, 22, tzinfo=UTC)
    raw = raw_folder(plan.raw, spec.pair)
    RunFolder(raw).begin(Manifest(started_at=began, command="earlier", settings=settings))
    for file in files:
        file.rename(raw / file.name)
    return spec


async def test_a_run_that_is_whole_on_disk_becomes_a_profile_of_its_own_date(
    tmp_path: Path,
) -> None:
    plan = a_plan(tmp_path, resume=True)

    run, _ = await profiled(plan, a_run_to_resume(plan, tmp_path))

    (written,) = run.written
    assert read_profile(written.path) == written.profile
    origin = written.profile.provenance
    assert (origin.date, origin.command) == ("2026-11-22T00:00:00+00:00", "earlier")
    assert origin.machine == "a machine"
    assert outcomes_path(written.path).exists()


@pytest.mark.parametrize("earlier", ["profile", "verdict", "damaged profile and verdict"])
async def test_a_new_profile_does_not_clear_a_failed_verdict(tmp_path: Path, earlier: str) -> None:
    plan = a_plan(tmp_path, resume=True)
    spec = a_run_to_resume(plan, tmp_path)
    path = profile_path(plan.out, spec.pair)
    failed = GoldenResult(passed=False, reason="KL 3.2", date="2026-11-01")
    if earlier == "profile":
        write_profile(path, replace(a_profile(spec.pair.id), golden=failed))
    else:
        write_verdict(path, failed)
    if earlier == "damaged profile and verdict":
        path.write_text("{")

    run, _ = await profiled(plan, spec)

    assert run.written[0].profile.golden == failed


async def test_a_new_profile_has_no_pass_of_the_earlier_one(tmp_path: Path) -> None:
    plan = a_plan(tmp_path, resume=True)
    spec = a_run_to_resume(plan, tmp_path)
    path = profile_path(plan.out, spec.pair)
    passed = GoldenResult(passed=True, date="2026-11-01")
    write_profile(path, replace(a_profile(spec.pair.id), golden=passed))

    run, _ = await profiled(plan, spec)

    assert run.written[0].profile.golden is None
