"""Accuracy of graded answers, each mean between the ends of its 95 % interval.

The interval is Wilson's score interval without continuity correction: E. B. Wilson, "Probable
inference, the law of succession, and statistical inference", JASA 22 (1927), 209-212; method 3 of
R. G. Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine
17 (1998), 857-872. It takes scores for right or wrong. Scores between 0 and 1 vary less than
that, so that for them it is too wide rather than too narrow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import sqrt
from typing import TypeVar

from profiles.evaluation.outcome import Outcome, difficulty_of
from serve_app.core.profile import Difficulty, Scope, TaskAccuracy

# 97.5th percentile of the normal distribution: both tails of a 95 % interval.
Z_95 = 1.959964

Key = TypeVar("Key", bound=str)


def wilson(mean: float, items: int) -> tuple[float, float]:
    """Both ends of the 95 % interval of a mean of scores from 0 to 1."""
    squared = Z_95**2 / items
    spread = Z_95 * sqrt(mean * (1 - mean) / items + squared / items / 4)
    lower = (mean + squared / 2 - spread) / (1 + squared)
    upper = (mean + squared / 2 + spread) / (1 + squared)
    return min(max(lower, 0.0), mean), max(min(upper, 1.0), mean)


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
