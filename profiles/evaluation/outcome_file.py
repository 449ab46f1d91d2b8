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
from profiles.json_lines import LinesInvalid, problems_of_line, text_of
from serve_app.adapters.atomic_file import write_atomically
from serve_app.core.units import Name


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The first line of the file; `items_digest` is the SHA-256 of the questions' file."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    format: Literal["quantroute-outcomes-1"]
    items_digest: Name


class OutcomesInvalid(LinesInvalid):
    """A file of outcomes cannot be used."""


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
    first, *rest = text_of(path, OutcomesInvalid).removesuffix("\n").split("\n")
    try:
        header = HEADER.validate_json(first)
    except ValidationError as exc:
        raise OutcomesInvalid(path, problems_of_line(1, exc)) from exc
    outcomes: list[Outcome] = []
    problems: list[str] = []
    for number, line in enumerate(rest, start=2):
        try:
            outcomes.append(OUTCOME.validate_json(line))
        except ValidationError as exc:
            problems += problems_of_line(number, exc)
    if problems:
        raise OutcomesInvalid(path, tuple(problems))
    return header.items_digest, tuple(outcomes)
