"""Outcomes on disk, for comparing with later and for learning from.

JSON lines: a header that names the format and the questions, then one outcome per line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import TypeAdapter, ValidationError

from profiles.evaluation.outcome import Outcome
from serve_app.adapters.atomic_file import write_atomically
from serve_app.adapters.problem_lines import problem_lines, shortened
from serve_app.core.units import Name


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The first line of the file; `items_digest` is the SHA-256 of the questions' file."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    format: Literal["quantroute-outcomes-1"]
    items_digest: Name


class OutcomesInvalid(Exception):
    """A file of outcomes cannot be used; `problems` has one line each, with line and field."""

    def __init__(self, file: Path, problems: tuple[str, ...]) -> None:
        super().__init__(file, problems)
        self.file = file
        self.problems = problems

    def __str__(self) -> str:
        return f"{self.file}: " + "; ".join(shortened(self.problems))


HEADER = TypeAdapter(Header)
OUTCOME = TypeAdapter(Outcome)


def write_outcomes(path: Path, outcomes: Iterable[Outcome], *, items_digest: str) -> None:
    """Replaces `path` in one step. Raises `OSError`."""
    header = json.dumps(asdict(Header(format="quantroute-outcomes-1", items_digest=items_digest)))
    lines = (OUTCOME.dump_json(outcome).decode() for outcome in outcomes)
    write_atomically(path, "".join(f"{line}\n" for line in (header, *lines)))


def read_outcomes(path: Path) -> tuple[str, tuple[Outcome, ...]]:
    """The digest of the questions' file, and the outcomes in the order of the file.

    Raises `OSError` or `OutcomesInvalid`.
    """
    try:
        first, *rest = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except UnicodeDecodeError as exc:
        raise OutcomesInvalid(path, (f"no UTF-8 text: {exc}",)) from exc
    try:
        header = HEADER.validate_json(first)
    except ValidationError as exc:
        raise OutcomesInvalid(path, _named(1, exc)) from exc
    outcomes: list[Outcome] = []
    problems: list[str] = []
    for number, line in enumerate(rest, start=2):
        try:
            outcomes.append(OUTCOME.validate_json(line))
        except ValidationError as exc:
            problems += _named(number, exc)
    if problems:
        raise OutcomesInvalid(path, tuple(problems))
    return header.items_digest, tuple(outcomes)


def _named(number: int, error: ValidationError) -> tuple[str, ...]:
    return tuple(f"line {number}: {problem}" for problem in problem_lines(error))
