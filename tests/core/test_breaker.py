"""Failures in a row, cool-downs and single probes. Rates and recovery have their own file."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.breaker import Breaker, BreakerSettings

SETTINGS = BreakerSettings(
    failures_to_open=3,
    cool_down_s=10,
    max_cool_down_s=40,
    half_open_probes=1,
    slow_start_s=0,
)


def closed() -> Breaker:
    return Breaker.closed(SETTINGS)


def opened(at_s: float = 0.0) -> Breaker:
    return closed().failed(at_s).failed(at_s).failed(at_s)


def test_it_opens_at_the_last_of_enough_failures_in_a_row() -> None:
    almost = closed().failed(1).failed(2)

    assert (almost.state, almost.allows(2)) == ("closed", True)
    assert (almost.failed(3).state, almost.failed(3).allows(3)) == ("open", False)


def test_a_success_between_failures_starts_the_count_again() -> None:
    assert closed().failed(1).failed(2).succeeded(3).failed(4).failed(5).state == "closed"


def test_an_attempt_on_a_closed_breaker_is_no_probe() -> None:
    breaker = closed()

    assert breaker.probing(1) is breaker


@pytest.mark.parametrize(("now_s", "allowed"), [(0, False), (9.9, False), (10, True), (99, True)])
def test_an_open_breaker_allows_an_attempt_only_after_its_cool_down(
    now_s: float, allowed: bool
) -> None:
    assert opened(at_s=0).allows(now_s) is allowed


def test_one_probe_is_let_through_and_no_second() -> None:
    probing = opened(at_s=0).probing(10)

    assert (probing.state, probing.allows(10), probing.probing(11)) == (
        "half_open",
        False,
        probing,
    )


def test_an_attempt_made_before_the_cool_down_ends_is_no_probe() -> None:
    breaker = opened(at_s=0)

    assert breaker.probing(5) is breaker


def test_a_probe_that_never_reports_gives_way_to_another() -> None:
    silent = opened(at_s=0).probing(10)

    assert silent.allows(20)
    assert silent.probing(20).allows(29) is False


def test_a_probe_that_showed_nothing_gives_way_to_the_next_at_once() -> None:
    released = opened(at_s=0).probing(10).released(11)

    assert released.allows(11)
    assert released.probing(11).allows(12) is False
    assert released.failed(12).cool_down_s == 20


def test_only_a_probe_can_be_released() -> None:
    closed_one, open_one = closed().failed(1), opened(at_s=0)

    assert closed_one.released(2) is closed_one
    assert open_one.released(2) is open_one


def test_a_probe_that_succeeds_closes_it_for_good() -> None:
    breaker = opened(at_s=0).probing(10).succeeded(11)

    assert (breaker.state, breaker.failures, breaker.cool_down_s) == ("closed", 0, 10)


def test_each_failed_probe_doubles_the_cool_down_up_to_the_limit() -> None:
    breaker, cool_downs = opened(at_s=0), []
    for now_s in (10, 40, 100, 200):
        breaker = breaker.probing(now_s).failed(now_s)
        cool_downs.append(breaker.cool_down_s)

    assert cool_downs == [20, 40, 40, 40]
    assert (breaker.state, breaker.allows(239), breaker.allows(240)) == ("open", False, True)


def test_late_reports_of_attempts_begun_before_it_opened_change_nothing() -> None:
    breaker = opened(at_s=0)

    assert breaker.failed(5) is breaker
    assert breaker.succeeded(5) is breaker


def test_settings_with_a_limit_below_the_first_cool_down_are_refused() -> None:
    with pytest.raises(ValueError, match="max_cool_down_s 1 is below cool_down_s 2"):
        BreakerSettings(cool_down_s=2, max_cool_down_s=1)


MOVES = st.lists(
    st.tuples(st.sampled_from(("succeeded", "failed", "probing", "released")), st.floats(0, 30)),
    max_size=60,
)


def states(moves: list[tuple[str, float]]) -> list[Breaker]:
    now_s, breaker, seen = 0.0, closed(), [closed()]
    for move, passed_s in moves:
        now_s += passed_s
        breaker = getattr(breaker, move)(now_s)
        seen.append(breaker)
    return seen


@given(MOVES)
def test_it_is_half_open_only_after_having_been_open(moves: list[tuple[str, float]]) -> None:
    names = [breaker.state for breaker in states(moves)]

    assert ("closed", "half_open") not in set(pairwise(names))


@given(MOVES)
def test_it_always_allows_an_attempt_again_in_time(moves: list[tuple[str, float]]) -> None:
    last = states(moves)[-1]

    assert last.allows(last.since_s + SETTINGS.max_cool_down_s)
    assert SETTINGS.cool_down_s <= last.cool_down_s <= SETTINGS.max_cool_down_s
