from __future__ import annotations

import numpy as np
import pytest

from profiles.router_eval.floors import choose_for_floor, floor_compliance
from profiles.router_eval.out_of_fold import Predicted
from profiles.router_eval.prices import Costs
from profiles.training.floor_thresholds import fit_bounds, lower_bounds
from serve_app.classifier.success_model import linear_reading, pair_success
from serve_app.classifier.text_features import read
from tests.outcomes import outcomes, trained

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


def test_an_easy_prompt_of_a_kind_that_no_pair_masters_is_held_to_reach_the_floor() -> None:
    random = np.random.default_rng(0)
    means = np.where(np.arange(400) < 100, 0.9, 0.1)[:, None]
    scores = (random.random((400, 1)) < means).astype(float)
    thresholds, floors = fit_bounds(means, scores, np.zeros(400, int), kind_count=1, certainty=1.0)
    at = floors.tolist().index(0.7)
    assert scores.mean() < 0.7
    assert 0.1 < thresholds[0, at] <= 0.9


def test_a_few_lucky_answers_promise_no_floor() -> None:
    means = np.where(np.arange(400) < 5, 0.9, 0.1)[:, None]
    scores = (means > 0.5).astype(float)
    thresholds, floors = fit_bounds(means, scores, np.zeros(400, int), kind_count=1, certainty=1.0)
    assert thresholds[0, floors.tolist().index(0.7)] > 1.0


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


def test_bounds_of_many_prompts_are_those_that_serving_gives_to_each() -> None:
    model = trained()
    readings = [read(prompt) for prompt in outcomes(60, seed=3).prompts]
    known = [model.terms.known(reading.words) for reading in readings]
    said = [
        pair_success(model, words, reading.shape)
        for words, reading in zip(known, readings, strict=True)
    ]
    kinds = np.array([linear_reading(model, words).kind_shares.argmax() for words in known])
    found = lower_bounds(
        np.array([one.means for one in said]),
        kinds,
        model.arrays.bound_mean,
        model.arrays.bound_floor,
    )
    assert found == pytest.approx(np.array([one.lowers for one in said]))
    assert len(set(kinds.tolist())) == 2
