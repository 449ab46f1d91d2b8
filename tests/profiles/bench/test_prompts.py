"""Prompts in files that others made."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from profiles.bench.prompts import GOLDEN, PromptsUnusable, TaskPrompt, read_prompts


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ({"prompt": "p", "task": "code"}, TaskPrompt("code", "p")),
        ({"query": "q", "task_name": "gsm8k"}, TaskPrompt("gsm8k", "q")),
        ({"text": "t", "intent": "greet"}, TaskPrompt("asked", "t")),
        ({"messages": [{"role": "user", "content": "m"}]}, TaskPrompt("asked", "m")),
    ],
)
def test_every_usual_field_is_read(
    tmp_path: Path, line: dict[str, object], read: TaskPrompt
) -> None:
    file = tmp_path / "asked.jsonl"
    file.write_text(json.dumps(line), encoding="utf-8")

    assert read_prompts(file) == [read]


def test_a_folder_is_read_for_the_files_that_are_known_to_hold_prompts(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "clinc150.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write(json.dumps({"text": "hello"}))
    (tmp_path / "figures.jsonl").write_text("{}", encoding="utf-8")

    assert read_prompts(tmp_path) == [TaskPrompt("clinc150", "hello")]


def test_the_golden_questions_can_be_read() -> None:
    assert len(read_prompts(GOLDEN)) > 500


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has no prompts"),
        (b"not json", "cannot be read as JSON lines"),
        (b"[1]", "line 1: should be an object with one of prompt, query"),
        (b'\n{"prompt": 7}', "line 2: should be an object"),
        (b"\xff\xfe", "cannot be read as JSON lines"),
    ],
)
def test_a_file_without_prompts_is_named_with_what_is_wrong(
    tmp_path: Path, content: bytes, said: str
) -> None:
    file = tmp_path / "asked.jsonl"
    file.write_bytes(content)

    with pytest.raises(PromptsUnusable, match=said):
        read_prompts(file)


def test_a_folder_and_a_file_of_another_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PromptsUnusable, match=r"has none of questions\.jsonl\.gz"):
        read_prompts(tmp_path)
    with pytest.raises(PromptsUnusable, match=r"end in \.jsonl"):
        read_prompts(tmp_path / "asked.csv")
    with pytest.raises(PromptsUnusable, match="cannot be read"):
        read_prompts(tmp_path / "absent.jsonl")
