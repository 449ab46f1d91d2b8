"""Gradable questions in a JSONL file, one object per line."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from annotated_types import Len
from pydantic import TypeAdapter, ValidationError

from profiles.evaluation.graders import GRADERS, GraderName
from profiles.jsonl import LinesInvalid, numbered_lines, text_of
from serve_app.core.request import Task
from serve_app.core.units import Name, PositiveInt, Ratio
from serve_app.validation_errors import problem_lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of the conversation put to the model."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One question, the answer it should get, and the name of the grader that compares.

    `example` is a right answer, given where the reference is a pattern and no answer itself.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    id: Name
    task: Task
    messages: Annotated[tuple[Message, ...], Len(1)]
    reference: Annotated[str, Len(1)]
    grader: GraderName
    example: str | None = None
    difficulty: Ratio | None = None
    max_tokens: PositiveInt = 32

    @property
    def digest(self) -> str:
        """Changes with all that can change a score: question, reference, grader, length."""
        turns = [[message.role, message.content] for message in self.messages]
        decides = [turns, self.reference, self.grader, self.max_tokens]
        return hashlib.sha256(json.dumps(decides).encode()).hexdigest()[:16]


class ItemsInvalid(LinesInvalid):
    """A file of items cannot be used."""


ITEM = TypeAdapter(Item)


def read_items(file: Path) -> tuple[Item, ...]:
    """All items of `file`, in its order. Raises `OSError` or `ItemsInvalid`."""
    items: list[Item] = []
    problems: list[str] = []
    first_line: dict[str, int] = {}
    for number, line in numbered_lines(text_of(file, ItemsInvalid)):
        item = _item(line)
        if isinstance(item, tuple):
            problems += (f"line {number}: {problem}" for problem in item)
            continue
        if item.id in first_line:
            problems.append(
                f"line {number}: id: {item.id!r} is taken by line {first_line[item.id]}"
            )
        first_line.setdefault(item.id, number)
        items.append(item)
    if not items and not problems:
        problems.append("there is no item in it")
    if problems:
        raise ItemsInvalid(file, tuple(problems))
    return tuple(items)


def _item(line: str) -> Item | tuple[str, ...]:
    """The item of a line, or what is wrong with it. `prompt` is short for one user message."""
    try:
        fields = json.loads(line)
        if isinstance(fields, dict) and "messages" not in fields:
            if "prompt" not in fields:
                return ("prompt: got nothing; either prompt or messages is required",)
            fields["messages"] = [{"role": "user", "content": fields.pop("prompt")}]
        item = ITEM.validate_python(fields)
    except json.JSONDecodeError as exc:
        return (f"no JSON object: {exc}",)
    except ValidationError as exc:
        return problem_lines(exc)
    try:
        GRADERS[item.grader].check(item.reference)
    except ValueError as exc:
        return (f"reference: grader {item.grader!r} cannot use it: {exc}",)
    return item
