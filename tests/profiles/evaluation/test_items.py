from __future__ import annotations

import json
from pathlib import Path

import pytest

from profiles.evaluation import ItemsInvalid, Message, read_items

LINE = {
    "id": "capital-1",
    "task": "question_answering",
    "prompt": "What is the capital of Peru?",
    "reference": "Lima",
    "grader": "contains",
}


def written(folder: Path, *lines: object) -> Path:
    file = folder / "items.jsonl"
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    file.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return file


def test_a_prompt_becomes_one_user_message(tmp_path: Path) -> None:
    (item,) = read_items(written(tmp_path, LINE))
    assert item.messages == (Message(role="user", content="What is the capital of Peru?"),)
    assert (item.id, item.task, item.reference) == ("capital-1", "question_answering", "Lima")


def test_messages_are_kept_as_they_are(tmp_path: Path) -> None:
    line = {key: value for key, value in LINE.items() if key != "prompt"}
    turns = [{"role": "system", "content": "Be terse."}, {"role": "user", "content": "Peru?"}]
    (item,) = read_items(written(tmp_path, {**line, "messages": turns}))
    assert [message.role for message in item.messages] == ["system", "user"]


def test_blank_lines_are_passed_over(tmp_path: Path) -> None:
    assert len(read_items(written(tmp_path, LINE, "", {**LINE, "id": "capital-2"}))) == 2


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{not json", "line 2: no JSON object"),
        ({**LINE, "task": "poetry"}, "line 2: task: got 'poetry'"),
        ({**LINE, "grader": "oracle"}, "line 2: grader: got 'oracle'; it should be 'exact'"),
        ({**LINE, "weight": 2}, "line 2: weight: .*unknown field"),
        ({**LINE, "max_tokens": 0}, "line 2: max_tokens: got 0"),
        ({**LINE, "difficulty": 7}, "line 2: difficulty: got 7"),
        ({**LINE, "messages": []}, "line 2: "),
        (
            {**LINE, "messages": [{"role": "user", "content": "?"}]},
            "line 2: prompt: .*unknown field",
        ),
        ({**LINE, "reference": ""}, "line 2: reference: got ''"),
        ({key: LINE[key] for key in LINE if key != "reference"}, "line 2: reference: got nothing"),
        (
            {key: LINE[key] for key in LINE if key != "prompt"},
            "line 2: prompt: got nothing; either prompt or messages",
        ),
        ({**LINE, "id": "capital-0"}, "line 2: id: 'capital-0' is taken by line 1"),
        ("[1, 2]", "line 2: "),
    ],
)
def test_a_wrong_line_is_named_with_its_field(tmp_path: Path, line: object, problem: str) -> None:
    file = written(tmp_path, {**LINE, "id": "capital-0"}, line)
    with pytest.raises(ItemsInvalid, match=problem):
        read_items(file)


@pytest.mark.parametrize(
    ("grader", "reference", "problem"),
    [
        ("exact", "yes|", "empty alternative"),
        ("leading", "...", "empty alternative"),
        ("contains", "|", "empty alternative"),
        ("choice", "Rome", "no letter from A to J"),
        ("number", "five", "no number"),
        ("number", "5±few", "no number"),
        ("number", "nan", "finite"),
        ("number", "5±-1%", "not < 0"),
        ("regex", "(", "no regular expression"),
        ("regex", ".*", "found in an empty answer"),
        ("token_f1", "?!", "no words"),
        ("json_schema", "{", "no JSON"),
        ("json_schema", "[]", "it has to be an object"),
        ("json_schema", '{"type": "list"}', r"no JSON schema: \$\.type"),
        ("json_schema", '{"pattern": "("}', r"no JSON schema: \$\.pattern"),
        ("json_schema", '{"$ref": "http://example.com/a.json"}', "leads out of the schema"),
        ("json_schema", '{"$ref": "#/$defs/absent"}', "not in the schema"),
        ("code", "assert f(1) ==", "no Python code"),
        ("code", "f(1)", "asserts nothing"),
    ],
)
def test_a_reference_that_its_grader_cannot_use_is_refused_when_read(
    tmp_path: Path, grader: str, reference: str, problem: str
) -> None:
    line = {**LINE, "grader": grader, "reference": reference}
    with pytest.raises(ItemsInvalid, match=f"line 1: reference: .*{grader}.*{problem}"):
        read_items(written(tmp_path, line))


def test_a_line_separator_inside_a_text_does_not_end_the_line(tmp_path: Path) -> None:
    file = tmp_path / "items.jsonl"
    line = {**LINE, "prompt": "one\u2028two"}
    file.write_text(json.dumps(line, ensure_ascii=False), encoding="utf-8")
    (item,) = read_items(file)
    assert item.messages[0].content == "one\u2028two"


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "items.jsonl"
    file.write_bytes(b"\xff\xfe{}")
    with pytest.raises(ItemsInvalid, match="no UTF-8 text"):
        read_items(file)


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "What is the capital of Chile?"},
        {"reference": "Santiago"},
        {"grader": "exact"},
        {"max_tokens": 5},
    ],
)
def test_whatever_can_change_a_score_changes_the_digest(
    tmp_path: Path, change: dict[str, object]
) -> None:
    one, other = read_items(written(tmp_path, LINE, {**LINE, **change, "id": "capital-2"}))
    assert one.digest != other.digest


def test_what_cannot_change_a_score_leaves_the_digest(tmp_path: Path) -> None:
    note = {"id": "capital-2", "difficulty": 0.4, "example": "It is Lima.", "task": "extraction"}
    one, other = read_items(written(tmp_path, LINE, {**LINE, **note}))
    assert one.digest == other.digest


def test_all_wrong_lines_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ItemsInvalid) as refused:
        read_items(written(tmp_path, {**LINE, "task": "a"}, {**LINE, "task": "b"}))
    assert len(refused.value.problems) == 2


def test_a_file_without_items_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ItemsInvalid, match="no item"):
        read_items(written(tmp_path))
