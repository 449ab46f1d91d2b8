from __future__ import annotations

from math import inf

import numpy as np
import pytest

from profiles.tuning.resample import Resamples
from profiles.tuning.sweep import Curve, result_of, weights_on_curve
from serve_app.core.policy import Weights
from serve_app.core.request import Preset
from serve_app.settings.models import PRESETS
from tests.profiles.tuning.cases import CHEAP_USD, DEAR_USD, ENOUGH, TOO_MUCH, plain_case


@pytest.mark.parametrize("preset", PRESETS)
def test_weights_on_a_curve_are_whole_and_the_third_keeps_its_share(preset: Preset) -> None:
    present = PRESETS[preset]
    for ratio, weights in weights_on_curve(present, "cost"):
        assert weights.accuracy + weights.latency + weights.cost == pytest.approx(1.0)
        assert min(weights.accuracy, weights.latency, weights.cost) >= 0
        assert weights.latency == present.latency
        if 0 < ratio < inf:
            assert weights.accuracy / weights.cost == pytest.approx(ratio, rel=0.1)


def test_a_curve_runs_from_cost_alone_to_accuracy_alone() -> None:
    points = weights_on_curve(Weights(accuracy=0.2, latency=0.0, cost=0.8), "cost")
    assert points[0] == (0.0, Weights(accuracy=0.0, latency=0.0, cost=1.0))
    assert points[-1] == (inf, Weights(accuracy=1.0, latency=0.0, cost=0.0))


def test_against_latency_it_is_cost_that_keeps_its_share() -> None:
    for _, weights in weights_on_curve(PRESETS["chat"], "latency"):
        assert weights.cost == 0.15


def test_weights_that_know_one_term_alone_can_still_be_swept() -> None:
    points = weights_on_curve(Weights(accuracy=0.0, latency=1.0, cost=0.0), "cost")
    assert len(points) > 10
    assert all(weights.latency == 0.0 for _, weights in points)


def test_more_weight_on_accuracy_sends_more_prompts_to_the_dear_pair() -> None:
    case = plain_case()
    curve = Curve.of(case, PRESETS["batch"], "cost")
    dear = dict(zip(curve.ratios, (curve.chosen == 1).mean(axis=1).tolist(), strict=True))
    for ratio, share in dear.items():
        if ratio < ENOUGH:
            assert share == 0.0
        elif ratio < TOO_MUCH:
            assert share == pytest.approx(1 / 3)
        else:
            assert share == pytest.approx(2 / 3)


def test_a_result_is_what_the_answers_chosen_got_and_cost() -> None:
    case = plain_case(30)
    resamples = Resamples(case.answers.same_prompt, seed=0)
    chosen = (np.arange(30) % 3 == 1).astype(np.int64)
    result = result_of(case.answers, chosen, resamples)
    assert (result.accuracy, result.change) == (1.0, 0.0)
    assert result.usd == pytest.approx((2 * CHEAP_USD + DEAR_USD) / 3)
    assert result.cost_share == pytest.approx(0.4)
    assert result.cost_share_interval.lower < 0.4 < result.cost_share_interval.upper
    assert (result.change_interval.lower, result.change_interval.upper) == (0.0, 0.0)
    assert result.pairs == pytest.approx({"cheap": 2 / 3, "dear": 1 / 3})
    assert result.total_ms is None
