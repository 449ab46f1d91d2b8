"""Graded requests become outcome files, which the offline half reads."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from profiles.evaluation import read_outcomes
from serve_app.core.cost import Usage
from serve_app.core.events import ScoreSource
from serve_app.core.request import Task
from serve_app.feedback.graded_log import AnsweredRequest, FileGradedLog
from serve_app.feedback.score_store import Score, ServedAnswer


def graded(
    decision: str = "d1",
    *,
    source: ScoreSource = "caller",
    score: float = 0.5,
    prompt: str | None = None,
    task: Task | None = "code",
    digest: str = "abc",
) -> tuple[Score, AnsweredRequest]:
    request = AnsweredRequest(
        served=ServedAnswer(
            decision=decision, pair="cheap", task=task, measured="2026-01-01", replica="r1"
        ),
        digest=digest,
        prompt=prompt,
        usage=Usage(prompt_tokens=7, completion_tokens=2),
    )
    return Score(decision=decision, source=source, score=score), request


def a_log(folder: Path, *, max_bytes: int = 10_000, files: int = 2) -> FileGradedLog:
    return FileGradedLog(folder, "r1", max_bytes=max_bytes, files=files)


def written(folder: Path, *requests: tuple[Score, AnsweredRequest]) -> Path:
    log = a_log(folder)
    log.write(requests)
    log.close()
    return folder / "graded-r1.jsonl"


def test_the_offline_half_reads_a_graded_request_as_an_outcome(tmp_path: Path) -> None:
    file = written(tmp_path, graded(prompt='Sort "a"\nplease, \ud800 日本'))

    _, (outcome,) = read_outcomes(file)

    assert (outcome.pair, outcome.task, outcome.score) == ("cheap", "code", 0.5)
    assert (outcome.item, outcome.digest) == ("caller:d1", "abc")
    assert (outcome.prompt_tokens, outcome.completion_tokens) == (7, 2)
    assert outcome.prompt.startswith('Sort "a"\nplease, ')
    assert outcome.prompt.endswith("日本")


def test_without_its_prompt_a_request_is_known_by_its_digest(tmp_path: Path) -> None:
    _, (outcome,) = read_outcomes(written(tmp_path, graded(prompt=None)))

    assert (outcome.messages, outcome.digest) == ((), "abc")


def test_a_caller_and_the_shadow_grade_the_same_answer_under_two_names(tmp_path: Path) -> None:
    file = written(tmp_path, graded(source="caller"), graded(source="shadow"))

    _, outcomes = read_outcomes(file)

    assert [outcome.item for outcome in outcomes] == ["caller:d1", "shadow:d1"]


def test_a_request_whose_task_nobody_classified_is_left_out(tmp_path: Path) -> None:
    _, outcomes = read_outcomes(written(tmp_path, graded(task=None), graded("d2")))

    assert [outcome.item for outcome in outcomes] == ["caller:d2"]


def test_a_file_goes_on_after_a_restart_with_one_header(tmp_path: Path) -> None:
    written(tmp_path, graded("d1"))

    _, outcomes = read_outcomes(written(tmp_path, graded("d2")))

    assert [outcome.item for outcome in outcomes] == ["caller:d1", "caller:d2"]


def test_files_stay_below_their_size_and_number_and_each_can_be_read(tmp_path: Path) -> None:
    log = a_log(tmp_path, max_bytes=1_000, files=3)
    for number in range(100):
        log.write([graded(f"d{number}")])
    log.close()

    files = sorted(tmp_path.iterdir())
    assert len(files) == 3
    for file in files:
        assert file.stat().st_size <= 1_000
        _, outcomes = read_outcomes(file)
        assert outcomes
    assert read_outcomes(files[0])[1][-1].item == "caller:d99"


def test_a_line_that_cannot_be_written_is_given_up_without_naming_the_prompt(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    log = a_log(tmp_path / "graded", max_bytes=300)
    for file in (tmp_path / "graded").iterdir():
        file.unlink()
    (tmp_path / "graded").rmdir()

    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            log.write([graded(prompt="my secret")])
    log.close()

    assert "could not be written" in caplog.text
    assert "my secret" not in caplog.text + capsys.readouterr().err
