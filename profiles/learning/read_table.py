"""Reads outcome files of every form that is known, by what their first line says.

Tables (`.csv`): a column `prompt`, one column per pair with scores, and perhaps `category` or
`subject` and the lengths of answers as `PAIR|chars`. Lines (`.jsonl`): `{"prompt", "scores": {pair:
score}}`, or the router's own outcomes. Any of them may be compressed (`.gz`).
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Len
from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from profiles.evaluation.outcome import Outcome
from profiles.evaluation.outcome_file import OUTCOME
from profiles.learning.outcome_table import (
    NO_KIND,
    OutcomesUnusable,
    OutcomeTable,
    joined,
    one_row_per_prompt,
)
from serve_app.adapters.problem_lines import problem_lines

KIND_COLUMNS = ("category", "subject", "task")
NO_PAIR_COLUMNS = frozenset({"prompt", "question_id", "id", *KIND_COLUMNS})
CHARS_SUFFIX = "|chars"
CHARS_PER_TOKEN = 4.0
OWN_FORMAT = '"quantroute-outcomes-1"'


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredPrompt:
    """One line of a file of prompts with the scores of many pairs."""

    __pydantic_config__: ClassVar = {"extra": "ignore", "allow_inf_nan": False}

    prompt: str
    scores: Annotated[Mapping[str, float], Len(1)]
    task: str = NO_KIND
    category: str | None = None


SCORED_PROMPT = TypeAdapter(ScoredPrompt)


def read_table(paths: Sequence[Path]) -> OutcomeTable:
    """All files as one table, a row per prompt. Raises `OSError` or `OutcomesUnusable`.

    The profiler writes one file per pair: their answers to one question belong in one row.
    """
    return one_row_per_prompt(joined([_read_file(path) for path in paths]))


def _read_file(path: Path) -> OutcomeTable:
    raw = path.read_bytes()
    try:
        text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8")
    except (UnicodeDecodeError, EOFError, gzip.BadGzipFile) as exc:
        raise OutcomesUnusable(f"{path}: no UTF-8 text: {exc}") from exc
    reader = _reader(path, text)
    try:
        table = reader(text)
    except OutcomesUnusable as exc:
        raise OutcomesUnusable(f"{path}: {exc}") from exc
    return OutcomeTable(
        prompts=table.prompts,
        kinds=table.kinds,
        pairs=table.pairs,
        scores=table.scores,
        answer_chars=table.answer_chars,
        notes=tuple(f"{path.name}: {note}" for note in table.notes),
        data=((path.name, hashlib.sha256(raw).hexdigest()),),
    )


def _reader(path: Path, text: str) -> Callable[[str], OutcomeTable]:
    first = text.split("\n", 1)[0]
    if OWN_FORMAT in first:
        return _own_outcomes
    if first.startswith("{"):
        return _scored_prompts
    if "prompt" in first.split(","):
        return _columns
    raise OutcomesUnusable(
        f"{path}: its first line is {first!r:.80}; outcome files are tables with a column "
        '`prompt`, lines of {"prompt", "scores"}, or outcomes written by `quantroute profile`'
    )


def _columns(text: str) -> OutcomeTable:
    csv.field_size_limit(1 << 24)
    rows = list(csv.DictReader(io.StringIO(text)))
    if not rows:
        raise OutcomesUnusable("the table has no row")
    columns = [name for name in rows[0] if name]
    pairs = [
        name for name in columns if name not in NO_PAIR_COLUMNS and not name.endswith(CHARS_SUFFIX)
    ]
    if not pairs:
        raise OutcomesUnusable("the table has no column with a pair's scores")
    kind = next((name for name in KIND_COLUMNS if name in columns), None)
    return OutcomeTable(
        prompts=tuple(row["prompt"] for row in rows),
        kinds=tuple(row[kind] if kind else NO_KIND for row in rows),
        pairs=tuple(pairs),
        scores=np.array([[_number(row, pair) for pair in pairs] for row in rows]),
        answer_chars=np.array(
            [[_number(row, f"{pair}{CHARS_SUFFIX}") for pair in pairs] for row in rows]
        ),
    )


def _number(row: Mapping[str, str | None], column: str) -> float:
    text = row.get(column)
    if text is None or text == "":
        return float("nan")
    try:
        return float(text)
    except ValueError as exc:
        raise OutcomesUnusable(f"{column}: got {text!r:.40}, which is no number") from exc


def _scored_prompts(text: str) -> OutcomeTable:
    read: list[ScoredPrompt] = []
    for number, line in enumerate(_lines(text), start=1):
        try:
            read.append(SCORED_PROMPT.validate_json(line))
        except ValidationError as exc:
            raise OutcomesUnusable(f"line {number}: {'; '.join(problem_lines(exc))}") from exc
    pairs = tuple(sorted({pair for row in read for pair in row.scores}))
    return OutcomeTable(
        prompts=tuple(row.prompt for row in read),
        kinds=tuple(row.category or row.task for row in read),
        pairs=pairs,
        scores=np.array([[row.scores.get(pair, np.nan) for pair in pairs] for row in read]),
        answer_chars=np.full((len(read), len(pairs)), np.nan),
    )


def _own_outcomes(text: str) -> OutcomeTable:
    outcomes: list[Outcome] = []
    for number, line in enumerate(_lines(text)[1:], start=2):
        try:
            outcomes.append(OUTCOME.validate_json(line))
        except ValidationError as exc:
            raise OutcomesUnusable(f"line {number}: {'; '.join(problem_lines(exc))}") from exc
    scored = [outcome for outcome in outcomes if outcome.score is not None]
    pairs = tuple(dict.fromkeys(outcome.pair for outcome in scored))
    items = {outcome.digest: outcome for outcome in scored}
    row_of = {digest: row for row, digest in enumerate(items)}
    scores = np.full((len(items), len(pairs)), np.nan)
    chars = np.full_like(scores, np.nan)
    for outcome in scored:
        at = row_of[outcome.digest], pairs.index(outcome.pair)
        scores[at] = np.nan if outcome.score is None else outcome.score
        if outcome.completion_tokens is not None:
            chars[at] = outcome.completion_tokens * CHARS_PER_TOKEN
    failed = len(outcomes) - len(scored)
    return OutcomeTable(
        prompts=tuple(item.prompt for item in items.values()),
        kinds=tuple(item.task for item in items.values()),
        pairs=pairs,
        scores=scores,
        answer_chars=chars,
        notes=(f"{failed} outcomes without a score left out",) if failed else (),
    )


def _lines(text: str) -> list[str]:
    # A JSON text may hold other line ends than this one.
    return text.removesuffix("\n").split("\n")
