from __future__ import annotations

import numpy as np
import pytest

from profiles.training.calibration import (
    expected_calibration_error,
    fit_curve,
    reliability,
)


def test_predictions_that_come_true_have_no_calibration_error() -> None:
    predicted = np.array([0.25, 0.25, 0.25, 0.25, 1.0, 1.0])
    scores = np.array([1.0, 0.0, 0.0, 0.0, 1.0, 1.0])
    assert expected_calibration_error(predicted, scores) == pytest.approx(0.0)


def test_the_error_weighs_each_gap_by_its_share_of_prompts() -> None:
    predicted = np.array([0.9, 0.9, 0.9, 0.1])
    scores = np.array([1.0, 0.0, 0.0, 0.0])
    # 0.9 against 1/3 for three quarters, 0.1 against 0 for one quarter.
    assert expected_calibration_error(predicted, scores) == pytest.approx(0.425 + 0.025)


def test_prompts_that_a_pair_was_not_asked_do_not_count() -> None:
    predicted = np.array([0.5, 0.5, 0.9])
    scores = np.array([1.0, 0.0, np.nan])
    (only,) = reliability(predicted, scores, bins=10)
    assert (only.predicted, only.got, only.share) == (0.5, 0.5, 1.0)


def test_a_curve_corrects_predictions_that_are_too_bold() -> None:
    random = np.random.default_rng(0)
    raw = random.random(20_000)
    scores = (random.random(20_000) < 0.3 + 0.4 * raw).astype(float)
    corrected = np.interp(raw, *fit_curve(raw, scores))
    assert expected_calibration_error(raw, scores) > 0.1
    assert expected_calibration_error(corrected, scores) < 0.02


def test_a_curve_never_makes_a_higher_prediction_equal_or_lower() -> None:
    random = np.random.default_rng(1)
    raw = random.random(500)
    x, y = fit_curve(raw, (random.random(500) < 0.5).astype(float))
    assert (np.diff(x) > 0).all()
    assert (np.diff(y) > 0).all()
