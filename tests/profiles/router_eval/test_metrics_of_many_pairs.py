from __future__ import annotations

import numpy as np
import pytest

from profiles.router_eval.metrics import many_models
from profiles.router_eval.prices import Costs

SCORES = np.array([[1.0, 1.0], [0.0, 1.0], [1.0, 0.0], [0.0, 0.0]])
PRICES = np.array([[1.0, 4.0]] * 4)
COSTS = Costs(expected=PRICES, actual=PRICES)


def test_the_oracle_pays_for_the_dear_pair_only_where_it_alone_is_right() -> None:
    result = many_models(np.zeros((4, 2)), SCORES, COSTS)
    assert result.oracle.accuracy == pytest.approx(0.75)
    assert result.oracle.cost == pytest.approx((1 + 4 + 1 + 1) / 4)


def test_predictions_that_are_right_reach_the_oracle() -> None:
    result = many_models(SCORES, SCORES, COSTS)
    assert result.regret == pytest.approx(0.0)
    assert result.oracle_share == pytest.approx(1.0)


def test_predictions_that_are_wrong_leave_regret() -> None:
    result = many_models(1 - SCORES, SCORES, COSTS)
    assert result.regret > 0
    assert result.cost_accuracy[0].cost <= result.cost_accuracy[-1].cost
