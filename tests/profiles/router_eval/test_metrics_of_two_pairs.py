from __future__ import annotations

import numpy as np
import pytest

from profiles.router_eval.metrics import two_models
from profiles.training.outcomes import OutcomesUnusable

# The strong model is right on the first two, the weak one on the third and fourth.
WEAK = np.array([0.0, 0.0, 1.0, 1.0, 0.0])
STRONG = np.array([1.0, 1.0, 1.0, 1.0, 1.0])


def test_gains_known_beforehand_recover_the_gap_with_the_fewest_strong_calls() -> None:
    result = two_models(STRONG - WEAK, WEAK, STRONG)
    # Recovered after 0..5 strong calls: 0, 1/3, 2/3, 1, 1, 1; the area by trapezoids is 0.7.
    assert result.apgr == pytest.approx(0.7)
    assert result.cpt50 == pytest.approx(40.0)
    assert result.cpt80 == pytest.approx(60.0)


def test_the_worst_order_recovers_the_gap_last() -> None:
    result = two_models(WEAK - STRONG, WEAK, STRONG)
    assert result.apgr == pytest.approx(0.3)
    assert result.cpt50 == pytest.approx(80.0)


def test_a_router_that_tells_nothing_is_worth_chance_whatever_the_order_of_prompts() -> None:
    for order in ([0, 1, 2, 3, 4], [4, 2, 3, 0, 1]):
        result = two_models(np.zeros(5), WEAK[order], STRONG[order])
        assert result.apgr == pytest.approx(0.5)


def test_a_strong_model_that_is_no_better_is_refused_with_both_figures() -> None:
    with pytest.raises(OutcomesUnusable, match=r"40.0%.*100.0%"):
        two_models(np.zeros(5), STRONG, WEAK)
