"""Accuracy of graded answers with 95 % intervals, alone and against the parent's.

The interval of a mean is Wilson's (`serve_app.core.intervals`), which takes scores for right or
wrong. Scores between 0 and 1 vary less than that, so that for them it is too wide rather than too
narrow. `scipy.stats.binomtest` takes whole numbers of right answers only.

A pair and its parent are compared on the same questions, where a small loss shows. The interval of
the difference is Newcombe's for paired proportions, which neither scipy nor statsmodels has: method
10 of R. G. Newcombe, "Improved confidence intervals for the difference between binomial proportions
based on paired data", Statistics in Medicine 17 (1998), 2635-2650. It combines the two Wilson
intervals and takes off what the scores have in common. Written with the covariance of the scores
instead of a two-by-two table, it is the same for right and wrong, and holds for scores in between,
where it is too wide rather than too narrow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import sqrt
from typing import TypeVar

from profiles.evaluation.outcome import Outcome, difficulty_of
from serve_app.core.intervals import wilson
from serve_app.core.profile import Difficulty, PairedAccuracy, Scope, TaskAccuracy

Key = TypeVar("Key", bound=str)
Scores = tuple[float, float]


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


def paired_accuracy(
    own: Iterable[Outcome], parent: Iterable[Outcome]
) -> Mapping[Scope, PairedAccuracy]:
    """The change per task and overall, on the items for which both have a score.

    Items are the same when id and digest are; where there are none, nothing is compared and the
    mapping is empty.
    """
    parents = {(o.item, o.digest): o.score for o in parent if o.score is not None}
    scores: dict[Scope, list[Scores]] = {}
    for outcome in own:
        parent_score = parents.get((outcome.item, outcome.digest))
        if outcome.score is None or parent_score is None:
            continue
        for scope in ("overall", outcome.task):
            scores.setdefault(scope, []).append((outcome.score, parent_score))
    return {scope: compared(each) for scope, each in scores.items()}


def compared(scores: Sequence[Scores]) -> PairedAccuracy:
    """One comparison, of pairs of (own score, parent's score)."""
    items = len(scores)
    own = sum(score for score, _ in scores) / items
    parent = sum(score for _, score in scores) / items
    own_lower, own_upper = wilson(own, items)
    parent_lower, parent_upper = wilson(parent, items)
    # The phi coefficient, with Newcombe's correction towards 0 where it is positive.
    phi = 0.0
    if spread := sqrt(own * (1 - own) * parent * (1 - parent)):
        covariance = sum(score * parents for score, parents in scores) / items - own * parent
        if covariance > 0.0:
            covariance = max(covariance - 1 / (2 * items), 0.0)
        phi = covariance / spread
    change = own - parent
    return PairedAccuracy(
        change=change,
        lower=max(change - _joined(own - own_lower, parent_upper - parent, phi), -1.0),
        upper=min(change + _joined(own_upper - own, parent - parent_lower, phi), 1.0),
        items=items,
        lost=sum(score < parents for score, parents in scores),
        won=sum(score > parents for score, parents in scores),
    )


def _joined(one: float, other: float, phi: float) -> float:
    """How far an end of the interval lies from the difference."""
    return sqrt(max(one**2 - 2 * phi * one * other + other**2, 0.0))
