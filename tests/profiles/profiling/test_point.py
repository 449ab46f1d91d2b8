"""When a point has been measured enough."""

from __future__ import annotations

from dataclasses import replace

import pytest

from profiles.profiling.point import Point, StopRule
from tests.profiles.samples import a_point, a_round

RULE = StopRule(half_width=0.05, fewest_rounds=2, most_rounds=4)


def with_tpot(*medians_ms: float) -> Point:
    rounds = tuple(a_round(tpot_ms=tpot_ms) for tpot_ms in medians_ms)
    return replace(a_point(), rounds=rounds)


def test_samples_of_all_rounds_stand_in_the_order_of_the_rounds() -> None:
    point = with_tpot(20.0, 30.0)

    assert point.tpot_ms[:20] == point.rounds[0].tpot_ms
    assert point.tpot_ms[20:] == point.rounds[1].tpot_ms


def test_one_round_is_never_enough_however_calm() -> None:
    assert not RULE.converged(with_tpot(20.0))


def test_two_rounds_that_agree_are_enough() -> None:
    assert RULE.converged(with_tpot(20.0, 20.1))


def test_rounds_that_disagree_ask_for_another() -> None:
    assert not RULE.converged(with_tpot(20.0, 30.0))
    assert not RULE.converged(with_tpot(20.0, 30.0, 20.0))


def test_a_machine_that_never_calms_down_is_left_after_the_most_rounds() -> None:
    assert RULE.converged(with_tpot(20.0, 30.0, 20.0, 30.0))


def test_first_tokens_must_be_sure_too() -> None:
    rounds = (a_round(ttft_ms=50), a_round(ttft_ms=80))

    assert not RULE.converged(replace(a_point(), rounds=rounds))


def test_a_wider_interval_is_reached_sooner() -> None:
    torn = with_tpot(20.0, 24.0)

    assert StopRule(half_width=0.2, most_rounds=4).converged(torn)
    assert not StopRule(half_width=0.02, most_rounds=4).converged(torn)


def test_too_few_samples_are_not_enough_however_close_they_lie() -> None:
    assert not RULE.converged(a_point(samples=2, rounds=2))


@pytest.mark.parametrize("half_width", [0.0, 1.0, -0.1, float("nan")])
def test_an_interval_that_is_no_share_is_refused(half_width: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        StopRule(half_width=half_width)


@pytest.mark.parametrize("rounds", [0, 1])
def test_too_few_rounds_to_differ_are_refused(rounds: int) -> None:
    with pytest.raises(ValueError, match="give at least 2"):
        StopRule(most_rounds=rounds)
