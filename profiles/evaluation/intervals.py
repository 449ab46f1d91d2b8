"""Accuracy of graded answers, each mean between the ends of its 95 % interval.

The interval is Wilson's (`serve_app.core.intervals`), which takes scores for right or wrong. Scores
between 0 and 1 vary less than that, so that for them it is too wide rather than too narrow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from profiles.evaluation.outcome import Outcome, difficulty_of
from serve_app.core.intervals import wilson
from serve_app.core.profile import Difficulty, Scope, TaskAccuracy

Key = TypeVar("Key", bound=str)


def task_accuracy(scores: Sequence[float]) -> TaskAccuracy:
    """Raises `ZeroDivisionError` for no scores: they have no mean."""
    mean = sum(scores) / len(scores)
    lower, upper = wilson(mean, len(scores))
    return TaskAccuracy(mean=mean, lower=lower, upper=upper, items=len(scores))


def accuracy_by_scope(outcomes: Iterable[Outcome]) -> Mapping[Scope, TaskAccuracy]:
    """Overall and per task, over the outcomes that have a score."""
    scores: list[tuple[Scope, float]] = []
    for outcome in outcomes:
        if outcome.score is not None:
            scores += [("overall", outcome.score), (outcome.task, outcome.score)]
    return _accuracies(scores)


def accuracy_by_difficulty(outcomes: Iterable[Outcome]) -> Mapping[Difficulty, TaskAccuracy]:
    """Per difficulty, over the outcomes that have a score and say how hard their item is."""
    return _accuracies(
        (difficulty, outcome.score)
        for outcome in outcomes
        if outcome.score is not None and (difficulty := difficulty_of(outcome)) is not None
    )


def _accuracies(scores: Iterable[tuple[Key, float]]) -> Mapping[Key, TaskAccuracy]:
    grouped: dict[Key, list[float]] = {}
    for key, score in scores:
        grouped.setdefault(key, []).append(score)
    return {key: task_accuracy(each) for key, each in grouped.items()}
