"""What became of one question put to one pair, and outcomes on disk.

Outcomes are graded, compared and learned from. The file is JSON lines: a header that names the
format and the questions, then one outcome per line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import TypeAdapter, ValidationError

from profiles.evaluation.items import Message
from profiles.jsonl import LinesInvalid, problems_of_line, text_of
from serve_app.atomic_write import write_atomically
from serve_app.core.profile import Difficulty
from serve_app.core.request import Task
from serve_app.core.units import Name, NonNegativeInt, Ratio

EASY_BELOW = 1 / 3
MEDIUM_BELOW = 2 / 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A score from 0 to 1, or the error that stands in its place.

    `digest` is that of the item: two outcomes can be compared where id and digest are the same.
    Tokens are those the engine counted, `None` where it gave no answer or no count.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid", "allow_inf_nan": False}

    pair: Name
    item: Name
    digest: Name
    task: Task
    difficulty: Ratio | None
    messages: tuple[Message, ...]
    answer: str | None
    score: Ratio | None
    prompt_tokens: NonNegativeInt | None
    completion_tokens: NonNegativeInt | None
    error: str | None = None

    def __post_init__(self) -> None:
        if (self.score is None) == (self.error is None):
            raise ValueError(
                f"score {self.score!r} and error {self.error!r}: an outcome has one of the two"
            )

    @property
    def prompt(self) -> str:
        """The text of all messages, without their roles."""
        return "\n\n".join(message.content for message in self.messages)


def difficulty_of(outcome: Outcome) -> Difficulty | None:
    """Easy below a third, medium below two thirds; an item that does not say has none."""
    if outcome.difficulty is None:
        return None
    if outcome.difficulty < EASY_BELOW:
        return "easy"
    return "medium" if outcome.difficulty < MEDIUM_BELOW else "hard"


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
