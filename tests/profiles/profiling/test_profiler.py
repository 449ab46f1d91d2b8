"""A fleet is profiled, with pairs that cannot be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from profiles.profiling.profile_file import sole_profiler
from tests.profiles.profiling.runs import a_plan, profiled
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
