"""Turns raw predictions into probabilities that hold, and measures how well they do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.isotonic import IsotonicRegression

Floats = npt.NDArray[np.float64]

KNOTS = 21
# Steps of an isotonic curve would make different prompts equal.
LEAST_SLOPE = 0.05


def fit_curve(raw: Floats, scores: Floats) -> tuple[Floats, Floats]:
    """Points of a rising curve from raw predictions to the share of answers that were right."""
    asked = ~np.isnan(scores)
    raw, scores = raw[asked], scores[asked]
    order = np.argsort(raw, kind="stable")
    bins = np.array_split(order, min(KNOTS, len(order)))
    x = np.array([raw[rows].mean() for rows in bins])
    y = np.array([scores[rows].mean() for rows in bins])
    rising = IsotonicRegression().fit_transform(x, y, sample_weight=[len(rows) for rows in bins])
    sloped = (1 - LEAST_SLOPE) * rising + LEAST_SLOPE * x
    knots = np.linspace(x[0], x[-1], KNOTS)
    return knots, np.interp(knots, x, sloped).clip(0.0, 1.0)


def apply_curve(raw: Floats, x: Floats, y: Floats) -> Floats:
    return np.interp(raw, x, y)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """The predictions in one bin: their mean, the mean score they got, their share of all."""

    predicted: float
    got: float
    share: float


def expected_calibration_error(predicted: Floats, scores: Floats, *, bins: int = 15) -> float:
    """Mean gap of prediction and outcome over equally wide bins, weighted by their prompts."""
    found = reliability(predicted, scores, bins=bins)
    return sum(abs(bin_.predicted - bin_.got) * bin_.share for bin_ in found)


def reliability(predicted: Floats, scores: Floats, *, bins: int) -> list[Reliability]:
    """Equally wide bins from 0 to 1, those that hold predictions; NaN scores do not count."""
    asked = ~np.isnan(scores)
    predicted, scores = predicted[asked], scores[asked]
    at = np.minimum((predicted * bins).astype(int), bins - 1)
    return [
        Reliability(
            predicted=float(predicted[at == bin_].mean()),
            got=float(scores[at == bin_].mean()),
            share=float((at == bin_).mean()),
        )
        for bin_ in np.unique(at)
    ]
