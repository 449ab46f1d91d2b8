"""Reads outcome files of every known form, recognized by their first line.

Tables (`.csv`): a column `prompt`, one column per pair with scores, and perhaps `category` or
`subject` and the lengths of answers as `PAIR|chars`. Lines (`.jsonl`): `{"prompt", "scores": {pair:
score}}`, or the router's own outcomes. Any of them may be compressed (`.gz`).
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, ClassVar, TypeVar

import numpy as np
from annotated_types import Len
from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from profiles.evaluation.outcome import OUTCOME, Outcome
from profiles.jsonl import numbered_lines
from profiles.training.outcomes import (
    CHARS_PER_TOKEN,
    NO_KIND,
    OutcomesUnusable,
    OutcomeTable,
    counted,
    mean_by_row,
    merged,
    one_row_per_prompt,
)
from serve_app.validation_errors import problem_lines

FORMAT = '"quantroute-outcomes-1"'
BY_ROUTER = '"items_digest": "requests"'
KIND_COLUMNS = ("category", "subject", "task")
NO_PAIR_COLUMNS = frozenset({"prompt", "question_id", "id", *KIND_COLUMNS})
CHARS_SUFFIX = "|chars"
LONGEST_FIELD = 1 << 24
Line = TypeVar("Line")
NO_PAIR = "a column that is no pair's is left out when it is named with a |, such as"


def graded_outcomes(lines: Iterable[tuple[int, str]]) -> OutcomeTable:
    """One row per question; `lines` come with their numbers. Raises `OutcomesUnusable`.

    A question that one pair was asked more than once, or one answer that was scored by a caller
    and by shadow grading, counts with the mean.
    """
    outcomes, routed = _read(lines)
    scored = [outcome for outcome in outcomes if outcome.score is not None]
    usable = [outcome for outcome in scored if outcome.prompt.strip()]
    if scored and not usable:
        raise OutcomesUnusable(
            f"none of its {len(scored)} graded requests has its prompt: set feedback.log_prompts "
            f"to true, and learn from what the router logs from then on"
        )
    pairs = tuple(dict.fromkeys(outcome.pair for outcome in usable))
    asked = {outcome.digest: outcome for outcome in usable}
    row_of = {digest: row for row, digest in enumerate(asked)}
    each = np.full((2, len(usable), len(pairs)), np.nan)
    for at, outcome in enumerate(usable):
        # `None` becomes NaN.
        each[:, at, pairs.index(outcome.pair)] = outcome.score, outcome.completion_tokens
    rows = [row_of[outcome.digest] for outcome in usable]
    scores, given = mean_by_row(each[0], rows)
    tokens, _ = mean_by_row(each[1], rows)
    without_prompt = (
        "graded requests without their prompt left out; feedback.log_prompts keeps prompts"
    )
    again = "answers of one pair to one question scored more than once; the mean counts"
    return OutcomeTable(
        prompts=tuple(one.prompt for one in asked.values()),
        # What a router took a request for is no task to learn from: it would confirm itself.
        kinds=tuple(
            f"{one.task}, as routed" if one.digest in routed else one.task for one in asked.values()
        ),
        pairs=pairs,
        scores=scores,
        answer_chars=CHARS_PER_TOKEN * tokens,
        notes=counted(
            (len(outcomes) - len(scored), "outcomes without a score left out"),
            (len(scored) - len(usable), without_prompt),
            (int((given > 1).sum()), again),
        ),
    )


def _read(lines: Iterable[tuple[int, str]]) -> tuple[list[Outcome], set[str]]:
    """All outcomes, and the digests of those that a router wrote down."""
    outcomes: list[Outcome] = []
    routed: set[str] = set()
    by_router = False
    for number, line in lines:
        # Files of outcomes may have been put together, each with its own header.
        if line.startswith('{"format"') and FORMAT in line:
            by_router = BY_ROUTER in line
            continue
        outcomes.append(_validated(OUTCOME, number, line))
        if by_router:
            routed.add(outcomes[-1].digest)
    return outcomes, routed


def _validated(form: TypeAdapter[Line], number: int, line: str) -> Line:
    try:
        return form.validate_json(line)
    except ValidationError as exc:
        raise OutcomesUnusable(f"line {number}: {'; '.join(problem_lines(exc))}") from exc


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredPrompt:
    __pydantic_config__: ClassVar = {"extra": "ignore", "allow_inf_nan": False}

    prompt: str
    scores: Annotated[Mapping[str, float], Len(1)]
    task: str = NO_KIND
    category: str | None = None


SCORED_PROMPT = TypeAdapter(ScoredPrompt)


def read_table(paths: Sequence[Path]) -> OutcomeTable:
    """All files as one table, a row per prompt. Raises `OSError` or `OutcomesUnusable`."""
    names = [path.name for path in paths]
    called = [path.name if names.count(path.name) == 1 else str(path) for path in paths]
    tables = []
    for path, name in zip(paths, called, strict=True):
        raw = path.read_bytes()
        try:
            text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8-sig")
            table = _usable(one_row_per_prompt(_parsed(text)))
        except UnicodeDecodeError as exc:
            raise OutcomesUnusable(f"{path}: no UTF-8 text: {exc}") from exc
        except (EOFError, gzip.BadGzipFile, zlib.error) as exc:
            raise OutcomesUnusable(f"{path}: the compressed file is damaged: {exc}") from exc
        except OutcomesUnusable as exc:
            raise OutcomesUnusable(f"{path}: {exc}") from exc
        notes = tuple(f"{name}: {note}" for note in table.notes)
        data = ((name, hashlib.sha256(raw).hexdigest()),)
        tables.append(replace(table, notes=notes, data=data))
    return merged(tables)


def _usable(table: OutcomeTable) -> OutcomeTable:
    """Without rows that have no prompt or no score, and without pairs that have no score."""
    scored = ~np.isnan(table.scores)
    asked = np.array([bool(prompt.strip()) for prompt in table.prompts])
    unscored = [pair for at, pair in enumerate(table.pairs) if not scored[:, at].any()]
    notes = counted(
        (int((~asked).sum()), "rows without a prompt left out"),
        (int((asked & ~scored.any(axis=1)).sum()), "prompts without any score left out"),
        (len(unscored), f"pairs without any score left out: {', '.join(unscored)}"),
    )
    kept = table.rows(np.flatnonzero(asked))
    kept = kept.asked_of([pair for pair in table.pairs if pair not in unscored])
    return replace(kept, notes=(*table.notes, *notes))


def _parsed(text: str) -> OutcomeTable:
    first = next((line for line in text.splitlines() if line.strip()), "")
    if FORMAT in first:
        return graded_outcomes(numbered_lines(text))
    if first.startswith("{"):
        return _scored_prompts(text)
    if "prompt" in [name.strip() for name in next(csv.reader([first]), [])]:
        return _columns(text)
    raise OutcomesUnusable(
        f"its first line is {first!r:.80}; outcome files are tables with a column "
        '`prompt`, lines of {"prompt", "scores"}, or outcomes written by `quantroute profile`'
    )


def _columns(text: str) -> OutcomeTable:
    csv.field_size_limit(LONGEST_FIELD)
    lines = csv.reader(io.StringIO(text, newline=""))
    try:
        (_, head), *found = [(lines.line_num, fields) for fields in lines if fields]
    except csv.Error as exc:
        raise OutcomesUnusable(f"line {lines.line_num}: {exc}") from exc
    names = [field.strip() for field in head]
    for line, fields in found:
        if len(fields) != len(names):
            raise OutcomesUnusable(f"line {line}: {len(fields)} fields under {len(names)} columns")
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise OutcomesUnusable(f"more than one column is named {', '.join(sorted(twice))}")
    rows = [(line, dict(zip(names, fields, strict=True))) for line, fields in found]
    pairs = [name for name in names if name not in NO_PAIR_COLUMNS and "|" not in name]
    if not pairs:
        raise OutcomesUnusable("the table has no column with a pair's scores")
    if not rows:
        raise OutcomesUnusable("the table has no row")
    kind = next((name for name in KIND_COLUMNS if name in names), None)
    lengths = [f"{pair}{CHARS_SUFFIX}" for pair in pairs]
    return OutcomeTable(
        prompts=tuple(row["prompt"] for _, row in rows),
        kinds=tuple(row[kind] or NO_KIND if kind else NO_KIND for _, row in rows),
        pairs=tuple(pairs),
        scores=np.array([[_number(line, row, pair) for pair in pairs] for line, row in rows]),
        answer_chars=np.array([[_number(line, row, at) for at in lengths] for line, row in rows]),
    )


def _number(line: int, row: Mapping[str, str], column: str) -> float:
    """A score or the length of an answer; NaN where there is none."""
    text = row.get(column, "").strip()
    at = f"line {line}, column {column!r}"
    other = f"{NO_PAIR} '{column}|'"
    try:
        value = float(text or "nan")
    except ValueError as exc:
        raise OutcomesUnusable(f"{at}: got {text!r:.40}, which is no number; {other}") from exc
    if column.endswith(CHARS_SUFFIX):
        if value < 0:
            raise OutcomesUnusable(f"{at}: {value:g} is no length")
    elif value < 0 or value > 1:
        raise OutcomesUnusable(f"{at}: {value:g} is no score; scores are 0 to 1, and {other}")
    return value


def _scored_prompts(text: str) -> OutcomeTable:
    read = [_validated(SCORED_PROMPT, number, line) for number, line in numbered_lines(text)]
    pairs = tuple(sorted({pair for row in read for pair in row.scores}))
    return OutcomeTable(
        prompts=tuple(row.prompt for row in read),
        kinds=tuple(row.category or row.task for row in read),
        pairs=pairs,
        scores=np.array([[row.scores.get(pair, np.nan) for pair in pairs] for row in read]),
        answer_chars=np.full((len(read), len(pairs)), np.nan),
    )
