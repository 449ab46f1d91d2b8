"""The requests of the demonstration, as JSON lines: a gradable question and its constraints."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from annotated_types import Len
from pydantic import JsonValue, TypeAdapter, ValidationError

from profiles.evaluation.graders import GRADERS
from profiles.evaluation.items import Item, Message
from profiles.jsonl import LinesInvalid, numbered_lines, problems_of_line, text_of


class RequestsInvalid(LinesInvalid):
    """A file of requests cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoRequest(Item):
    """`routing` is the request's field of that name. Requests of one `group` are sent at once."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    title: Annotated[str, Len(1)]
    routing: dict[str, JsonValue]
    group: str | None = None


_REQUEST = TypeAdapter(DemoRequest)


def read_requests(file: Path) -> tuple[tuple[DemoRequest, ...], ...]:
    """The groups of `file` in their order. A request without a group is a group of its own.

    A line has `prompt` in place of `messages`. Raises `OSError` or `RequestsInvalid`.
    """
    groups: dict[str, list[DemoRequest]] = {}
    problems: list[str] = []
    for number, line in numbered_lines(text_of(file, RequestsInvalid)):
        try:
            plain = json.loads(line)
            messages = (Message(role="user", content=plain.pop("prompt")),)
            request = _REQUEST.validate_python({**plain, "messages": messages})
            GRADERS[request.grader].check(request.reference)
        except ValidationError as exc:
            problems += problems_of_line(number, exc)
        except (ValueError, AttributeError, KeyError) as exc:
            problems.append(f"line {number}: {exc!r}")
        else:
            groups.setdefault(request.group or request.id, []).append(request)
    if not groups and not problems:
        problems.append("it has no request")
    if problems:
        raise RequestsInvalid(file, tuple(problems))
    return tuple(tuple(group) for group in groups.values())
