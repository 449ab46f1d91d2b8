from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from profiles.tuning.case import Case
from profiles.tuning.presets import Advice, Trial, advise, marks
from profiles.tuning.resample import Resamples
from serve_app.core.policy import Weights
from serve_app.core.request import Preset
from serve_app.settings.models import PRESETS
from tests.profiles.tuning.cases import ENOUGH, TOO_MUCH, noise, plain_case, splits_of


def advice(case: Case, *, lose: float = 0.0, **present: Weights) -> dict[Preset, Advice]:
    trial = Trial(
        splits=splits_of(case),
        lose=lose,
        resamples=Resamples(case.answers.same_prompt, seed=0),
    )
    weights = {preset: present.get(preset, shipped) for preset, shipped in PRESETS.items()}
    return {one.preset: one for one in advise(case, weights, trial)}


def test_the_best_ratio_is_found_where_it_is_known() -> None:
    found = advice(plain_case())
    for preset in ("batch", "balanced", "quality"):
        assert ENOUGH < found[preset].ratio < TOO_MUCH
        assert found[preset].same.accuracy == 1.0
        assert found[preset].same.cost_share == pytest.approx(0.4)
        assert found[preset].aside.accuracy == 1.0


def test_what_may_be_lost_is_spent_on_a_lower_cost() -> None:
    batch = advice(plain_case(), lose=0.4)["batch"]
    assert batch.same.cost_share == pytest.approx(0.1)
    assert batch.same.change == pytest.approx(-1 / 3)


def test_the_interval_says_whether_the_loss_is_ruled_out() -> None:
    batch = advice(plain_case(), lose=0.4)["batch"]
    assert batch.aside.change_interval.lower < -0.4
    assert not batch.rules_out_more_loss_than(0.4)
    assert batch.rules_out_more_loss_than(0.9)


def test_what_is_shown_of_a_part_was_found_without_it() -> None:
    case = noise()
    kept_aside = splits_of(case)[0].test
    scores = case.answers.scores.copy()
    scores[kept_aside] = 1 - scores[kept_aside]
    other = replace(case, answers=replace(case.answers, scores=scores))
    before, after = advice(case)["quality"], advice(other)["quality"]
    assert before.ratios_aside[0] == after.ratios_aside[0]
    assert before.ratios_aside[1:] != after.ratios_aside[1:]


def test_weights_tuned_to_noise_look_better_than_they_are() -> None:
    quality = advice(noise())["quality"]
    assert quality.same.accuracy > quality.aside.accuracy


def test_weights_that_are_as_good_as_the_best_are_left_as_they_are() -> None:
    good = Weights(accuracy=0.8, latency=0.0, cost=0.2)
    found = advice(plain_case(), batch=good)
    assert not found["batch"].told_apart
    assert found["batch"].advised == good
    assert found["balanced"].told_apart
    assert found["balanced"].advised == found["balanced"].weights


def test_quality_does_not_change_to_save_alone() -> None:
    wasteful = Weights(accuracy=1.0, latency=0.0, cost=0.0)
    found = advice(plain_case(), quality=wasteful, batch=wasteful)
    assert found["quality"].advised == wasteful
    assert found["batch"].advised != wasteful


def test_latency_is_tuned_only_where_it_is_known() -> None:
    assert "chat" not in advice(plain_case())
    found = advice(plain_case(total_ms=(100.0, 400.0)))["chat"]
    assert found.saved == "latency"
    assert found.same.total_ms == pytest.approx(200.0)
    assert found.same.accuracy == 1.0


def test_marks_are_one_pair_for_all_and_the_choice_of_one_who_knows() -> None:
    case = plain_case()
    found = marks(case.answers, Resamples(case.answers.same_prompt, seed=0))
    assert found["the reference pair"].cost_share == 1.0
    assert found["the best single pair"].accuracy == max(case.answers.scores.mean(axis=0))
    assert found["always the cheapest"].change == pytest.approx(-1 / 3)
    assert found["the oracle"].accuracy == 1.0
    assert found["the oracle"].cost_share == pytest.approx(0.4)


def test_of_two_pairs_that_are_as_often_right_the_cheaper_one_is_the_best() -> None:
    answers = plain_case().answers
    same = replace(answers, scores=np.ones_like(answers.scores))
    cheaper = replace(same, cost_usd=np.tile([2.0, 1.0], (len(same), 1)))
    assert cheaper.best_single == 1
