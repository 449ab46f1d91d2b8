"""From which predicted success on a prompt is held to reach a floor, per kind of prompt.

A caller with a floor expects it of the answers, not of each prediction. On unseen
prompts, per kind, the threshold is the least at which the answers of the pairs that would be
chosen reach the floor with some certainty: by so many standard errors. Where the answers to all
prompts of a kind do not, those have to that the threshold promises the floor to.
"""

from __future__ import annotations

import numpy as np

from profiles.training.arrays import Floats, Ints

FLOORS = np.round(np.arange(0.05, 1.0, 0.05), 2)
THRESHOLD_STEP = 0.02
LEAST_PROMPTS = 80
LEAST_PROMISED = 20
UNREACHABLE = 2.0


def fit_bounds(
    means: Floats, scores: Floats, kinds: Ints, *, kind_count: int, certainty: float
) -> tuple[Floats, Floats]:
    """`bound_mean` (kinds, floors) and `bound_floor` of a model, from unseen prompts."""
    pooled = _thresholds(means, scores, certainty)
    rows: list[Floats] = [
        _thresholds(means[kinds == kind], scores[kinds == kind], certainty)
        if (kinds == kind).sum() >= LEAST_PROMPTS
        else pooled
        for kind in range(kind_count)
    ]
    return np.vstack(rows), FLOORS


def lower_bounds(means: Floats, kinds: Ints, bound_mean: Floats, bound_floor: Floats) -> Floats:
    """The highest floor that each prediction (prompts, pairs) is held to reach, as in serving."""
    bounds = np.empty_like(means)
    for kind in np.unique(kinds):
        rows = kinds == kind
        bounds[rows] = np.interp(means[rows], bound_mean[kind], bound_floor)
    return np.minimum(bounds, means)


def _thresholds(means: Floats, scores: Floats, certainty: float) -> Floats:
    asked = ~np.isnan(scores)
    accuracy = np.where(asked, scores, 0.0).sum(axis=0) / np.maximum(1, asked.sum(axis=0))
    weakest_first = np.argsort(accuracy, kind="stable")
    found = np.array(
        [_threshold(means, scores, weakest_first, floor, certainty) for floor in FLOORS]
    )
    # Strictly rising, so that a higher prediction always has a higher bound.
    rising: Floats = np.maximum.accumulate(found) + 1e-4 * np.arange(len(found))
    return rising


def _threshold(
    means: Floats, scores: Floats, weakest_first: Ints, floor: float, certainty: float
) -> float:
    """Each prompt goes to the weakest pair that is good enough, which promises the floor to it.

    Where no pair is, it goes to the best.
    """
    promise = UNREACHABLE
    for threshold in np.arange(floor, 1.0, THRESHOLD_STEP).tolist():
        good_enough = means[:, weakest_first] >= threshold
        promised = good_enough.any(axis=1)
        chosen = np.where(promised, weakest_first[good_enough.argmax(axis=1)], means.argmax(axis=1))
        got = scores[np.arange(len(scores)), chosen]
        answered = ~np.isnan(got)
        if answered.any() and _surely(got[answered], certainty) >= floor:
            return float(threshold)
        kept = got[answered & promised]
        enough = len(kept) >= LEAST_PROMISED and _surely(kept, certainty) >= floor
        if promise == UNREACHABLE and enough:
            promise = threshold
    return promise


def _surely(got: Floats, certainty: float) -> float:
    return float(got.mean() - certainty * got.std() / np.sqrt(len(got)))
