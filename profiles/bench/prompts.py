"""Reads prompts from files that others made: JSON lines, plain or compressed."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from serve_app.package_files import package_file

# Where a line has its prompt, and what it names the task.
PROMPT_FIELDS = ("prompt", "query", "question", "text")
TASK_FIELDS = ("task", "task_name", "category")
SUFFIXES = (".jsonl", ".jsonl.gz")
# Files of a data folder that hold prompts; others there hold figures.
KNOWN_FILES = ("questions.jsonl.gz", "clinc150.jsonl.gz")
# The questions that profiles are measured with.
GOLDEN = package_file("profiles/golden/starter.jsonl")


class PromptsUnusable(Exception):
    """A file of prompts cannot be used. Names the file and the cause."""


class TaskPrompt(NamedTuple):
    """One prompt, and its task according to its file."""

    task: str
    text: str


def read_prompts(place: Path) -> list[TaskPrompt]:
    """The prompts of a file, or of the known files in a folder. Raises `PromptsUnusable`."""
    if place.is_dir():
        files = [place / name for name in KNOWN_FILES if (place / name).is_file()]
        if not files:
            raise PromptsUnusable(f"{place} has none of {', '.join(KNOWN_FILES)}: name a file")
        return [prompt for file in files for prompt in read_prompts(file)]
    if not place.name.endswith(SUFFIXES):
        raise PromptsUnusable(f"{place} should be a folder or end in {' or '.join(SUFFIXES)}")
    prompts = list(_prompts(place))
    if not prompts:
        raise PromptsUnusable(f"{place} has no prompts")
    return prompts


def _prompts(file: Path) -> Iterator[TaskPrompt]:
    opened = gzip.open if file.name.endswith(".gz") else open
    try:
        with opened(file, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield _prompt(json.loads(line), file, number)
    except (OSError, EOFError, ValueError) as exc:
        raise PromptsUnusable(f"{file} cannot be read as JSON lines: {exc}") from exc


def _prompt(line: Any, file: Path, number: int) -> TaskPrompt:
    if isinstance(line, dict):
        text = next((line[f] for f in PROMPT_FIELDS if isinstance(line.get(f), str)), None)
        task = next((line[f] for f in TASK_FIELDS if isinstance(line.get(f), str)), None)
        text = text if text is not None else _last_turn(line.get("messages"))
        if text is not None:
            return TaskPrompt(task or file.name.split(".")[0], text)
    wanted = f"one of {', '.join(PROMPT_FIELDS)}, messages"
    raise PromptsUnusable(f"{file}, line {number}: should be an object with {wanted}")


def _last_turn(messages: Any) -> str | None:
    last = messages[-1] if isinstance(messages, list) and messages else None
    content = last.get("content") if isinstance(last, dict) else None
    return content if isinstance(content, str) else None
