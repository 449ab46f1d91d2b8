"""Turns raw predictions into probabilities that hold, and measures how well they do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.special import expit
from scipy.stats import binned_statistic
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from profiles.training.arrays import Floats

KNOTS = 21
# A level curve would make different prompts equal.
LEAST_SLOPE = 0.05
NARROWEST = 1e-3


def fit_curve(raw: Floats, scores: Floats) -> tuple[Floats, Floats]:
    """Points of a rising curve from raw predictions to the share of answers that were right.

    Half a logistic curve, half an isotonic one: the first alone misses bends that a pair really
    has, the second alone fits noise, and choosing between pairs depends on small differences.
    """
    asked = ~np.isnan(scores)
    raw, scores = raw[asked], scores[asked]
    knots = np.linspace(raw.min(), max(raw.max(), raw.min() + NARROWEST), KNOTS)
    if scores.min() == scores.max():
        logistic = scores.mean() + LEAST_SLOPE * (knots - knots.mean())
    else:
        curve = fit_logistic(raw[:, None], scores, strength=1e4)
        slope = max(float(curve.coef_[0, 0]), LEAST_SLOPE)
        logistic = expit(slope * knots + float(curve.intercept_[0]))
    bins = np.array_split(np.argsort(raw, kind="stable"), min(KNOTS, len(raw)))
    x = np.array([raw[rows].mean() for rows in bins])
    y = np.array([scores[rows].mean() for rows in bins])
    rising = IsotonicRegression().fit_transform(x, y, sample_weight=[len(rows) for rows in bins])
    return knots, (logistic + np.interp(knots, x, rising)) / 2


def fit_logistic(
    features: Floats | sparse.csr_matrix, scores: Floats, *, strength: float = 1.0
) -> LogisticRegression:
    """A score of 0.7 counts as a right answer seven tenths and a wrong one three tenths.

    The scores must not all be the same.
    """
    weights = np.concatenate((scores, 1 - scores))
    used = np.flatnonzero(weights)
    return LogisticRegression(C=strength, max_iter=300).fit(
        features[used % len(scores)], used < len(scores), sample_weight=weights[used]
    )


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
    means, _, bin_of = binned_statistic(predicted, (predicted, scores), bins=bins, range=(0, 1))
    shares = np.bincount(bin_of - 1, minlength=bins) / len(predicted)
    return [
        Reliability(predicted=float(mean), got=float(got), share=float(share))
        for mean, got, share in zip(*means, shares, strict=True)
        if share
    ]
