"""Outcomes as tests want them: only what matters is said."""

from __future__ import annotations

from profiles.evaluation import Message, Outcome
from serve_app.core.request import Task


def an_outcome(
    item: str = "item-1",
    score: float | None = 1.0,
    *,
    pair: str = "pair-a",
    task: Task = "reasoning",
    difficulty: float | None = None,
    digest: str = "0123456789abcdef",
    error: str | None = None,
) -> Outcome:
    return Outcome(
        pair=pair,
        item=item,
        digest=digest,
        task=task,
        difficulty=difficulty,
        messages=(Message(role="user", content=f"Question {item}?"),),
        answer="Yes." if error is None else None,
        score=score,
        prompt_tokens=7 if error is None else None,
        completion_tokens=2 if error is None else None,
        error=error,
    )
