"""Outcomes that this project wrote, by `quantroute profile` or a router, as a table."""

from __future__ import annotations

from collections.abc import Iterable, Set

import numpy as np
from pydantic import ValidationError

from profiles.evaluation.outcome import Outcome
from profiles.evaluation.outcome_file import OUTCOME
from profiles.learning.outcome_table import CHARS_PER_TOKEN, OutcomesUnusable, OutcomeTable
from serve_app.adapters.problem_lines import problem_lines

FORMAT = '"quantroute-outcomes-1"'
BY_ROUTER = '"items_digest": "requests"'


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
    score, given = np.zeros((len(asked), len(pairs))), np.zeros((len(asked), len(pairs)))
    tokens, counted = np.zeros_like(score), np.zeros_like(score)
    for outcome in usable:
        at = row_of[outcome.digest], pairs.index(outcome.pair)
        score[at] += outcome.score or 0.0
        given[at] += 1
        if outcome.completion_tokens is not None:
            tokens[at] += outcome.completion_tokens
            counted[at] += 1
    return OutcomeTable(
        prompts=tuple(one.prompt for one in asked.values()),
        kinds=tuple(_kind(one, routed) for one in asked.values()),
        pairs=pairs,
        scores=np.where(given > 0, score / np.maximum(given, 1), np.nan),
        answer_chars=CHARS_PER_TOKEN
        * np.where(counted > 0, tokens / np.maximum(counted, 1), np.nan),
        notes=_notes(
            failed=len(outcomes) - len(scored),
            textless=len(scored) - len(usable),
            again=int((given > 1).sum()),
        ),
    )


def _read(lines: Iterable[tuple[int, str]]) -> tuple[list[Outcome], set[str]]:
    """All outcomes, and the digests of those that a router wrote down."""
    outcomes: list[Outcome] = []
    routed: set[str] = set()
    by_router = False
    for number, line in lines:
        if _is_header(line):
            by_router = BY_ROUTER in line
            continue
        outcomes.append(_outcome(number, line))
        if by_router:
            routed.add(outcomes[-1].digest)
    return outcomes, routed


def _kind(outcome: Outcome, routed: Set[str]) -> str:
    """What a router took a request for is no task to learn from: it would confirm itself."""
    return f"{outcome.task}, as routed" if outcome.digest in routed else outcome.task


def _is_header(line: str) -> bool:
    """Files of outcomes may have been put together, each with its own."""
    return line.startswith('{"format"') and FORMAT in line


def _outcome(number: int, line: str) -> Outcome:
    try:
        return OUTCOME.validate_json(line)
    except ValidationError as exc:
        raise OutcomesUnusable(f"line {number}: {'; '.join(problem_lines(exc))}") from exc


def _notes(*, failed: int, textless: int, again: int) -> tuple[str, ...]:
    said = (
        (failed, "outcomes without a score left out"),
        (
            textless,
            "graded requests without their prompt left out; feedback.log_prompts keeps prompts",
        ),
        (again, "answers of one pair to one question scored more than once; the mean counts"),
    )
    return tuple(f"{count} {what}" for count, what in said if count)
