from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from profiles.training.latent_factors import fit_length, length_factor
from profiles.training.outcomes import CHARS_PER_TOKEN
from tests.outcomes import outcomes


def test_ninety_five_of_a_hundred_answers_are_no_longer_than_said() -> None:
    random = np.random.default_rng(0)
    # Of one prompt one pair says thrice what another does.
    tokens = np.exp(random.normal(5.0, 0.4, (2000, 3))) * [0.5, 1.0, 1.5]
    table = replace(outcomes(2000), answer_chars=tokens * CHARS_PER_TOKEN)
    factor = length_factor(table)
    assert factor is not None
    told = fit_length(factor, np.zeros(2000))
    assert (tokens <= np.exp(told.mean + told.p50_residual)).mean() == pytest.approx(0.5, abs=0.01)
    assert (tokens <= np.exp(told.mean + told.p95_residual)).mean() == pytest.approx(0.95, abs=0.01)


def test_answers_of_unknown_length_do_not_count() -> None:
    chars = np.full((400, 3), 400.0)
    chars[::2, 1:] = np.nan
    factor = length_factor(replace(outcomes(400), answer_chars=chars))
    assert factor is not None
    told = fit_length(factor, np.zeros(400))
    assert np.exp(told.mean + told.p50_residual) == pytest.approx(100.0)
    assert told.p95_residual == pytest.approx(told.p50_residual)


def test_too_few_answers_of_known_length_say_nothing() -> None:
    chars = np.full((400, 3), np.nan)
    chars[:199] = 400.0
    assert length_factor(replace(outcomes(400), answer_chars=chars)) is None
