from __future__ import annotations

import numpy as np
import pytest

from profiles.learning.bounds import fit_bounds
from profiles.learning.floors import choose_for_floor, floor_compliance
from profiles.learning.predict import Predicted
from profiles.learning.prices import Costs

COSTS = Costs(expected=np.array([[1.0, 10.0]] * 4), actual=np.array([[2.0, 20.0]] * 4))
SCORES = np.array([[1.0, 1.0], [0.0, 1.0], [0.0, 0.0], [0.0, 1.0]])
KINDS = ("law", "law", "art", "art")


def sure(means: list[list[float]]) -> Predicted:
    return Predicted(means=np.array(means), lowers=np.array(means))


def test_the_cheapest_pair_whose_bound_reaches_the_floor_is_chosen() -> None:
    predicted = sure([[0.8, 0.9], [0.2, 0.9], [0.1, 0.3], [0.3, 0.2]])
    assert choose_for_floor(predicted, COSTS.expected, 0.5).tolist() == [0, 1, 1, 0]


def test_a_cell_counts_only_where_some_single_pair_could_meet_the_floor() -> None:
    predicted = sure([[0.8, 0.9], [0.8, 0.9], [0.8, 0.9], [0.8, 0.9]])
    result = floor_compliance(predicted, SCORES, COSTS, KINDS, (0.6,))
    # In art the best pair is right half the time; in law the cheap one, chosen, is as well.
    assert (result.kept, result.reachable, result.share) == (0, 1, 0.0)


def test_cost_is_what_the_answers_chosen_did_cost() -> None:
    predicted = sure([[0.8, 0.9], [0.2, 0.9], [0.2, 0.9], [0.2, 0.9]])
    result = floor_compliance(predicted, SCORES, COSTS, KINDS, (0.6,))
    assert result.share == 1.0
    assert result.cost == pytest.approx((2 + 20 + 20 + 20) / 4)


def test_bounds_of_a_kind_that_no_pair_masters_cannot_be_reached() -> None:
    random = np.random.default_rng(0)
    means = np.full((400, 2), 0.9)
    kinds = np.repeat([0, 1], 200)
    scores = (random.random((400, 2)) < np.where(kinds == 0, 0.9, 0.3)[:, None]).astype(float)
    thresholds, floors = fit_bounds(means, scores, kinds, kind_count=2, certainty=1.0)
    at = floors.tolist().index(0.5)
    assert thresholds[0, at] <= 0.9
    assert thresholds[1, at] > 1.0


def test_a_higher_floor_never_asks_for_less() -> None:
    random = np.random.default_rng(0)
    means = random.random((500, 3))
    scores = (random.random((500, 3)) < means).astype(float)
    thresholds, floors = fit_bounds(means, scores, np.zeros(500, int), kind_count=1, certainty=1.0)
    assert (np.diff(thresholds[0]) > 0).all()
    assert (thresholds[0] >= floors).all()


def test_more_certainty_never_asks_for_less() -> None:
    random = np.random.default_rng(0)
    means = random.random((500, 3))
    scores = (random.random((500, 3)) < means).astype(float)
    none, one, three = (
        fit_bounds(means, scores, np.zeros(500, int), kind_count=1, certainty=certainty)[0]
        for certainty in (0.0, 1.0, 3.0)
    )
    assert (none <= one).all()
    assert (one <= three).all()
    assert (none < three).any()
