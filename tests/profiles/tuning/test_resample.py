from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from profiles.tuning.resample import Resamples

random = np.random.default_rng(0)
COINS = (random.random(400) < 0.5).astype(float)
APART = np.arange(400)


def test_an_interval_is_as_wide_as_the_mean_is_unsure() -> None:
    interval = Resamples(APART, seed=0).of_mean(COINS)
    assert interval.upper - interval.lower == pytest.approx(2 * 1.96 * sqrt(0.25 / 400), rel=0.1)
    assert interval.lower < COINS.mean() < interval.upper


def test_repeats_of_a_prompt_do_not_make_it_surer() -> None:
    once = Resamples(APART, seed=0).of_mean(COINS)
    twice = Resamples(np.tile(APART, 2), seed=0).of_mean(np.tile(COINS, 2))
    assert twice.upper - twice.lower == pytest.approx(once.upper - once.lower, rel=0.1)


def test_figures_of_the_same_prompts_stay_paired() -> None:
    resamples = Resamples(APART, seed=0)
    ratio = resamples.of_ratio(2 * COINS + 2, COINS + 1)
    assert ratio.lower == pytest.approx(2.0)
    assert ratio.upper == pytest.approx(2.0)
