"""Reads prompts from files that others made: JSON lines, plain or compressed."""

from __future__ import annotations

import gzip
import json
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
    opened = gzip.open if place.name.endswith(".gz") else open
    try:
        with opened(place, "rt", encoding="utf-8") as lines:
            prompts = [
                _prompt(json.loads(line), place, number)
                for number, line in enumerate(lines, start=1)
                if line.strip()
            ]
    except (OSError, EOFError, ValueError) as exc:
        raise PromptsUnusable(f"{place} cannot be read as JSON lines: {exc}") from exc
    if not prompts:
        raise PromptsUnusable(f"{place} has no prompts")
    return prompts


def _prompt(line: Any, file: Path, number: int) -> TaskPrompt:
    """From any of the usual fields, or from the last of its messages."""
    found = line if isinstance(line, dict) else {}
    texts = [found[field] for field in PROMPT_FIELDS if isinstance(found.get(field), str)]
    tasks = [found[field] for field in TASK_FIELDS if isinstance(found.get(field), str)]
    match found:
        case {"messages": [*_, {"content": str(last_turn)}]}:
            texts.append(last_turn)
    if not texts:
        wanted = f"one of {', '.join(PROMPT_FIELDS)}, messages"
        raise PromptsUnusable(f"{file}, line {number}: should be an object with {wanted}")
    return TaskPrompt(tasks[0] if tasks else file.name.split(".")[0], texts[0])
