"""Measures routers on prompts that they have not seen, all on the same ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from profiles.learning.calibration import Reliability, expected_calibration_error, reliability
from profiles.learning.floors import FloorCompliance, floor_compliance
from profiles.learning.many_models import ManyModels, many_models
from profiles.learning.outcome_table import OutcomesUnusable, OutcomeTable
from profiles.learning.predict import Predicted
from profiles.learning.prices import Costs
from profiles.learning.two_models import TwoModels, two_models

RELIABILITY_BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is measured: two models to choose between, costs of answers, floors to keep."""

    weak: str
    strong: str
    costs: Costs
    floors: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """One router on unseen prompts. `ece` is the mean over pairs of the calibration error."""

    two: TwoModels
    many: ManyModels
    ece: float
    ece_per_pair: Mapping[str, float]
    reliability: tuple[Reliability, ...]
    floors: FloorCompliance


def measure(table: OutcomeTable, predicted: Predicted, question: Question) -> Quality:
    """`table`, `predicted` and the costs have the same rows. Raises `OutcomesUnusable`."""
    scores, means = table.filled, predicted.means
    weak, strong = table.column(question.weak), table.column(question.strong)
    errors = {
        pair: expected_calibration_error(means[:, at], table.scores[:, at])
        for at, pair in enumerate(table.pairs)
    }
    return Quality(
        two=two_models(means[:, strong] - means[:, weak], scores[:, weak], scores[:, strong]),
        many=many_models(means, scores, question.costs),
        ece=float(np.mean(list(errors.values()))),
        ece_per_pair=errors,
        reliability=tuple(reliability(means.ravel(), table.scores.ravel(), bins=RELIABILITY_BINS)),
        floors=floor_compliance(predicted, scores, question.costs, table.kinds, question.floors),
    )


def weak_and_strong(
    table: OutcomeTable, costs: Costs, *, weak: str | None, strong: str | None
) -> tuple[str, str]:
    """By default the cheapest pair and the one most often right. Raises `OutcomesUnusable`."""
    if len(table.pairs) == 1:
        raise OutcomesUnusable(
            f"there are outcomes of {table.pairs[0]!r} alone: a choice needs two pairs"
        )
    best = table.pairs[int(np.nanmean(table.scores, axis=0).argmax())]
    cheapest = table.pairs[int(costs.expected.mean(axis=0).argmin())]
    chosen = weak or cheapest, strong or best
    for pair in chosen:
        table.column(pair)
    if chosen[0] == chosen[1]:
        raise OutcomesUnusable(
            f"{chosen[0]!r} would be both the weak and the strong model: name two of "
            f"{', '.join(table.pairs)} with --weak and --strong"
        )
    return chosen


def cheapest_that_complies(qualities: Mapping[str, Quality], share: float) -> str | None:
    """The router with the lowest cost among those that keep enough floors."""
    complying = [name for name, quality in qualities.items() if quality.floors.share >= share]
    return min(complying, key=lambda name: qualities[name].floors.cost, default=None)
