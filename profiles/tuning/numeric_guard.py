"""What the numeric guard keeps off FP8 at several shares of figures, and what that does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from profiles.tuning.case import Case
from profiles.tuning.choices import Choices
from profiles.tuning.fleet_case import FleetAtRest
from profiles.tuning.resample import Resamples
from profiles.tuning.sweep import Result, result_of
from serve_app.core.policy import Weights
from serve_app.core.request import Features

NO_GUARD = 1.0
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, NO_GUARD)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardPoint:
    """One `numeric_guard_share`, how many prompts it keeps off FP8, and what all prompts get that
    some pair may serve at every share."""

    share: float
    kept_off: int
    result: Result


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardCurve:
    """`fp8_pairs` multiply in FP8. There are no points where none does, as nothing is to guard, nor
    where all others are out of reach."""

    fp8_pairs: tuple[str, ...]
    points: tuple[GuardPoint, ...]

    def widest(self, lose: float) -> float | None:
        """The share that guards least and loses at most `lose` against the best one."""
        best = max((point.result.accuracy for point in self.points), default=0.0)
        enough = (p.share for p in self.points if p.result.accuracy >= best - lose)
        return max(enough, default=None)


def guard_curve(
    case: Case, fleet: FleetAtRest, features: Sequence[Features], weights: Weights, *, seed: int
) -> GuardCurve:
    """`features` are of the case's prompts."""
    fp8 = tuple(pair.id for pair in fleet.pairs if pair.quantization.activations == "fp8")
    if not 0 < len(fp8) < len(fleet.pairs):
        return GuardCurve(fp8_pairs=fp8, points=())
    by_share = {}
    for share in SHARES:
        guarded = replace(fleet, policy=replace(fleet.policy, numeric_guard_share=share))
        by_share[share] = [guarded.outlook(one) for one in features]
    served = [[bool(one.terms) for one in outlooks] for outlooks in by_share.values()]
    common = np.flatnonzero(np.all(served, axis=0))
    if len(common) == 0:
        return GuardCurve(fp8_pairs=fp8, points=())
    answers = case.answers.rows(common)
    resamples = Resamples(answers.same_prompt, seed=seed)
    points = []
    for share, outlooks in by_share.items():
        chosen = Choices.of(answers.pairs, outlooks).choose(weights)[common]
        kept_off = sum(outlook.numeric_guarded for outlook in outlooks)
        result = result_of(answers, chosen, resamples)
        points.append(GuardPoint(share=share, kept_off=kept_off, result=result))
    return GuardCurve(fp8_pairs=fp8, points=tuple(points))
