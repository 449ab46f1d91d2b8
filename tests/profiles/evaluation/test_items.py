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
        ({**LINE, "grader": "oracle"}, "line 2: .*grader 'oracle' is unknown; known: exact"),
        ({**LINE, "weight": 2}, "line 2: weight: .*no such field"),
        ({**LINE, "max_tokens": 0}, "line 2: max_tokens: got 0"),
        ({**LINE, "difficulty": 7}, "line 2: difficulty: got 7"),
        ({**LINE, "messages": []}, "line 2: "),
        ({key: LINE[key] for key in LINE if key != "reference"}, "line 2: reference: got nothing"),
        ({key: LINE[key] for key in LINE if key != "prompt"}, "line 2: messages: got nothing"),
        ({**LINE, "id": "capital-0"}, "line 2: id: 'capital-0' is taken by line 1"),
        ("[1, 2]", "line 2: "),
    ],
)
def test_a_wrong_line_is_named_with_its_field(tmp_path: Path, line: object, problem: str) -> None:
    file = written(tmp_path, {**LINE, "id": "capital-0"}, line)
    with pytest.raises(ItemsInvalid, match=problem):
        read_items(file)


def test_all_wrong_lines_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ItemsInvalid) as refused:
        read_items(written(tmp_path, {**LINE, "task": "a"}, {**LINE, "task": "b"}))
    assert len(refused.value.problems) == 2


def test_a_file_without_items_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ItemsInvalid, match="no item"):
        read_items(written(tmp_path))
