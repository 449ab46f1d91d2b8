from __future__ import annotations

import json
from pathlib import Path

import pytest

from profiles.evaluation import Outcome, OutcomesInvalid, read_outcomes, write_outcomes
from tests.profiles.evaluation.outcomes import an_outcome

OUTCOMES = (
    an_outcome("a", 0.5, difficulty=0.4),
    an_outcome("b", None, error="ReadTimeout: line separators \u2028 are\ntext"),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "raw" / "outcomes.jsonl"
    write_outcomes(path, OUTCOMES, items_digest="abc")
    return path


def test_what_was_written_is_read(file: Path) -> None:
    assert read_outcomes(file) == ("abc", OUTCOMES)


def test_no_outcomes_are_a_file_too(tmp_path: Path) -> None:
    write_outcomes(tmp_path / "none.jsonl", (), items_digest="abc")
    assert read_outcomes(tmp_path / "none.jsonl") == ("abc", ())


def test_each_line_says_by_itself_what_training_needs(file: Path) -> None:
    line = json.loads(file.read_text().split("\n")[1])
    assert (line["pair"], line["item"], line["task"]) == ("pair-a", "a", "reasoning")
    assert line["messages"] == [{"role": "user", "content": "Question a?"}]
    assert (line["score"], line["difficulty"]) == (0.5, 0.4)
    assert (line["prompt_tokens"], line["completion_tokens"]) == (7, 2)


def test_a_later_run_replaces_an_earlier_one(file: Path) -> None:
    write_outcomes(file, OUTCOMES[:1], items_digest="def")
    assert read_outcomes(file) == ("def", OUTCOMES[:1])
    assert [path.name for path in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize(
    ("line", "change", "problem"),
    [
        (1, {"format": "other"}, "line 1: format: got 'other'"),
        (1, {"items_digest": ""}, "line 1: items_digest: got ''"),
        (2, {"score": 7}, "line 2: score: got 7"),
        (2, {"task": "poetry"}, "line 2: task: got 'poetry'"),
        (2, {"tokens": 3}, "line 2: tokens: .*unknown field"),
        (2, {"error": "no answer"}, "line 2: .*an outcome has one of the two"),
        (3, {"error": None}, "line 3: .*an outcome has one of the two"),
        (3, {"completion_tokens": -1}, "line 3: completion_tokens: got -1"),
    ],
)
def test_a_wrong_field_is_named_with_file_and_line(
    file: Path, line: int, change: dict[str, object], problem: str
) -> None:
    lines = file.read_text().split("\n")
    lines[line - 1] = json.dumps({**json.loads(lines[line - 1]), **change})
    file.write_text("\n".join(lines))
    with pytest.raises(OutcomesInvalid, match=f"outcomes.jsonl: {problem}"):
        read_outcomes(file)


def test_a_line_cut_short_is_named(file: Path) -> None:
    file.write_text(file.read_text()[:-20])
    with pytest.raises(OutcomesInvalid, match="line 3: "):
        read_outcomes(file)


@pytest.mark.parametrize("content", [b"", b"[]\n", b"{}\n", b"\xff\xfe\n"])
def test_a_file_that_is_none_of_ours_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "other.jsonl"
    file.write_bytes(content)
    with pytest.raises(OutcomesInvalid, match=r"other\.jsonl"):
        read_outcomes(file)


def test_an_outcome_is_neither_both_nor_nothing() -> None:
    with pytest.raises(ValueError, match="one of the two"):
        an_outcome(score=1.0, error="no answer")
    with pytest.raises(ValueError, match="one of the two"):
        an_outcome(score=None)


def test_the_prompt_is_the_text_of_all_messages() -> None:
    outcome: Outcome = an_outcome("a")
    assert outcome.prompt == "Question a?"
