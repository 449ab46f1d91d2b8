"""What a run leaves on disk, and when another may go on from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from profiles.errors import ResumeRefused
from profiles.evaluation.lm_eval import BenchmarkOptions
from profiles.profiling.engine import EngineSpec
from profiles.profiling.grid import Grid, GridPoint
from profiles.profiling.run_folder import (
    SO_FAR,
    Manifest,
    RunFolder,
    file_stamps,
    run_settings,
)
from serve_app.core.profile import TaskAccuracy
from tests.profiles.samples import a_pair, a_spec, an_engine_record, outcomes

HERE = GridPoint(concurrency=1, prompt_tokens=64)
RECORD = an_engine_record()


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path)


def a_manifest(
    spec: EngineSpec | None = None,
    *,
    grid: Grid | None = None,
    items: str = "d1gest",
    files: dict[str, str] | None = None,
    hour: int = 9,
) -> Manifest:
    settings = run_settings(
        spec or a_spec(), grid or Grid(), checkpoint_files=files or {}, items_digest=items
    )
    return Manifest(
        started_at=datetime(2026, 11, 22, hour, tzinfo=UTC),
        command="quantroute profile",
        settings=settings,
    )


def test_a_run_with_the_same_settings_goes_on_as_the_run_that_began(folder: RunFolder) -> None:
    folder.begin(a_manifest(hour=9))
    folder.round_path(HERE, 1).write_text("{}")
    folder.write_engine(RECORD)
    folder.write_outcomes(outcomes(1.0), items_digest="d1gest")

    goes_on = folder.resume(a_manifest(hour=10))

    assert goes_on == a_manifest(hour=9)
    assert folder.round_path(HERE, 1).exists()
    assert folder.engine() == RECORD
    assert folder.outcomes() == outcomes(1.0)


def test_where_no_run_was_resuming_begins_one(folder: RunFolder) -> None:
    assert folder.resume(a_manifest(hour=10)) == a_manifest(hour=10)
    assert folder.engine() is None
    assert folder.outcomes() == ()


def test_a_run_of_its_own_removes_what_an_earlier_one_measured_and_nothing_else(
    folder: RunFolder,
) -> None:
    folder.begin(a_manifest())
    folder.round_path(HERE, 1).write_text("{}")
    folder.round_path(HERE, 2).with_suffix(".json.unfinished").write_text("{")
    folder.write_engine(RECORD)
    folder.write_outcomes(outcomes(1.0), items_digest="d1gest")
    (folder.path / "notes.txt").write_text("mine")

    folder.begin(a_manifest())

    assert sorted(file.name for file in folder.path.iterdir()) == ["notes.txt", "run.json"]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (lambda: a_manifest(grid=Grid(prompt_tokens=(64, 256))), "grid.places was"),
        (lambda: a_manifest(grid=Grid(output_tokens=64)), "grid.output_tokens was 32 and is 64"),
        (lambda: a_manifest(items="other"), 'items was "d1gest" and is "other"'),
        (
            lambda: a_manifest(files={"model.safetensors": "7 bytes of 1"}),
            'checkpoint_files.model.safetensors was null and is "7 bytes of 1"',
        ),
        (
            lambda: a_manifest(replace(a_spec(), engine_kwargs={"dtype": "float32"})),
            'engine.dtype was null and is "float32"',
        ),
        (
            lambda: a_manifest(replace(a_spec(), pair=a_pair(max_concurrency=4))),
            "pair.max_concurrency was 8 and is 4",
        ),
    ],
    ids=["grid", "answers", "questions", "weights", "engine", "pair"],
)
def test_other_settings_are_named_and_refused(
    folder: RunFolder, changed: Callable[[], Manifest], told: str
) -> None:
    folder.begin(a_manifest())
    folder.round_path(HERE, 1).write_text("{}")

    with pytest.raises(ResumeRefused) as refused:
        folder.resume(changed())

    assert told in str(refused.value)
    assert "leave --resume out" in str(refused.value)
    assert folder.round_path(HERE, 1).exists()


@pytest.mark.parametrize("name", ["run.json", "engine.json", "answers.jsonl"])
def test_a_damaged_file_is_named_and_refused(folder: RunFolder, name: str) -> None:
    (folder.path / name).write_text('{"half')

    with pytest.raises(ResumeRefused, match=r"run\.json|engine\.json|line 1"):
        {
            "run.json": lambda: folder.resume(a_manifest()),
            "engine.json": folder.engine,
            "answers.jsonl": folder.outcomes,
        }[name]()


def test_benchmarks_under_other_options_are_not_gone_on_with(folder: RunFolder) -> None:
    folder.begin(a_manifest())
    fewer = run_settings(
        a_spec(),
        Grid(),
        checkpoint_files={},
        items_digest="d1gest",
        benchmark_options=BenchmarkOptions(limit=10),
    )

    with pytest.raises(ResumeRefused, match=r"benchmarks\.limit was null and is 10"):
        folder.resume(replace(a_manifest(), settings=fewer))


def test_benchmarks_are_kept_one_by_one(folder: RunFolder) -> None:
    assert folder.benchmarks() == {}
    gsm8k = TaskAccuracy(mean=0.4, lower=0.3, items=100)

    folder.write_benchmarks({"gsm8k": gsm8k})

    assert folder.benchmarks() == {"gsm8k": gsm8k}


def test_a_checkpoint_is_known_by_the_size_and_date_of_its_files(tmp_path: Path) -> None:
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(b"1234")
    before = file_stamps(str(tmp_path))

    weights.write_bytes(b"12345")

    assert set(before) == {"model.safetensors"}
    assert file_stamps(str(tmp_path)) != before


def test_a_checkpoint_of_a_hub_is_known_by_its_name_alone() -> None:
    assert file_stamps("org/tiny") == {}


def test_answers_are_kept_one_by_one_until_all_are_there(folder: RunFolder) -> None:
    first, second = outcomes(1.0, 0.0)
    folder.add_outcome(first)
    folder.add_outcome(second)
    with (folder.path / SO_FAR).open("ab") as file:
        file.write(b'{"pair": "cut o')

    assert folder.outcomes_so_far() == (first, second)
    assert folder.outcomes() == ()

    folder.write_outcomes((first, second), items_digest="d1gest")
    assert folder.outcomes_so_far() == ()


def test_answers_of_another_run_are_not_kept(folder: RunFolder) -> None:
    folder.add_outcome(*outcomes(1.0))
    folder.begin(a_manifest())
    assert folder.outcomes_so_far() == ()


def test_a_damaged_answer_is_refused(folder: RunFolder) -> None:
    (folder.path / SO_FAR).write_text("{}\n")
    with pytest.raises(ResumeRefused, match=r"answers-so-far\.jsonl is not what a run writes"):
        folder.outcomes_so_far()
