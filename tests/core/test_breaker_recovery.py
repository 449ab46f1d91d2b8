"""The sliding window, half-open probes, the slow start, and what peers report."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.breaker import FIRST_SHARE, Breaker, BreakerSettings

SETTINGS = BreakerSettings(
    failures_to_open=5,
    failure_share=0.5,
    min_samples=10,
    window_s=10,
    cool_down_s=10,
    max_cool_down_s=40,
    half_open_probes=3,
    slow_start_s=20,
)


def closed(**changes: float) -> Breaker:
    return Breaker.closed(replace(SETTINGS, **changes))  # type: ignore[arg-type]


def opened(at_s: float = 0.0) -> Breaker:
    breaker = closed()
    for _ in range(SETTINGS.failures_to_open):
        breaker = breaker.failed(at_s)
    return breaker


def slow_start(at_s: float) -> Breaker:
    breaker = opened(at_s - SETTINGS.cool_down_s)
    for _ in range(SETTINGS.half_open_probes):
        breaker = breaker.probing(at_s).succeeded(at_s)
    return breaker


def mixed(breaker: Breaker, outcomes: str, *, every_s: float = 0.0) -> Breaker:
    """`+` is a success and `-` a failure."""
    for number, outcome in enumerate(outcomes):
        now_s = number * every_s
        breaker = breaker.succeeded(now_s) if outcome == "+" else breaker.failed(now_s)
    return breaker


@pytest.mark.parametrize(
    ("outcomes", "state"),
    [
        ("+-+-+-+-+", "closed"),
        ("+-+-+-+-+-", "open"),
        ("+-++-++-++-++-++-", "closed"),
        ("-----", "open"),
    ],
    ids=["too few samples", "half of enough", "a third", "a run"],
)
def test_it_opens_on_the_share_of_enough_attempts_or_on_a_run(outcomes: str, state: str) -> None:
    assert mixed(closed(), outcomes).state == state


def test_what_lies_outside_of_the_window_does_not_count() -> None:
    assert mixed(closed(), "+-+-+-+-+-" * 3, every_s=1.5).state == "closed"
    assert closed().failed(0).counted(11) == (0, 0)


def test_a_failure_that_shows_nothing_alone_is_counted_and_does_not_open() -> None:
    breaker = closed()
    for _ in range(9):
        breaker = breaker.failed(0, may_open=False)

    assert (breaker.state, breaker.failures) == ("closed", 9)
    assert breaker.failed(0).state == "open"


def test_half_open_lets_a_few_probes_through_and_no_more() -> None:
    breaker, allowed = opened(0), 0
    while breaker.allows(10) and allowed < 10:
        breaker, allowed = breaker.probing(10), allowed + 1

    assert allowed == SETTINGS.half_open_probes
    assert breaker.released(10).allows(10)


def test_only_enough_probes_end_the_half_open_state() -> None:
    breaker = opened(0).probing(10).succeeded(10).probing(10).succeeded(10)
    assert breaker.state == "half_open"

    assert breaker.probing(10).succeeded(10).state == "slow_start"
    assert breaker.probing(10).failed(10).state == "open"


@pytest.mark.parametrize(
    ("after_s", "share"), [(0, FIRST_SHARE), (5, 0.25), (10, 0.5), (20, 1.0), (99, 1.0)]
)
def test_the_share_of_a_slow_start_grows_with_time(after_s: float, share: float) -> None:
    assert slow_start(100).share(100 + after_s) == pytest.approx(share)


def test_a_slow_start_that_is_over_has_closed_it_with_the_first_cool_down() -> None:
    breaker = slow_start(100)

    assert breaker.settled(119).state == "slow_start"
    assert breaker.settled(120).state == "closed"
    assert mixed(breaker.succeeded(120), "").state == "closed"


def test_failures_in_a_slow_start_open_it_for_longer() -> None:
    breaker = slow_start(100)
    for _ in range(SETTINGS.failures_to_open):
        breaker = breaker.failed(101, began_s=100.5)

    assert (breaker.state, breaker.cool_down_s) == ("open", 2 * SETTINGS.cool_down_s)


@pytest.mark.parametrize("state", ["half_open", "slow_start"])
def test_an_attempt_that_began_before_it_opened_neither_closes_nor_opens_it(state: str) -> None:
    breaker = opened(at_s=5).probing(15) if state == "half_open" else slow_start(15)
    assert breaker.state == state

    assert breaker.succeeded(16, began_s=4) is breaker
    assert breaker.failed(16, began_s=4) is breaker


@pytest.mark.parametrize(
    ("reports", "state"),
    [
        ([(0, 5, 5)], "open"),
        ([(0, 3, 3), (0, 2, 5)], "open"),
        ([(0, 4, 4), (9, 0, 0), (1, 4, 4)], "closed"),
        ([(5, 5, 1)], "open"),
        ([(10, 4, 4)], "closed"),
    ],
    ids=["a run", "a run in two parts", "successes between", "a share", "too small a share"],
)
def test_what_peers_report_counts_as_its_own(
    reports: list[tuple[int, int, int]], state: str
) -> None:
    breaker = closed()
    for successes, failures, run in reports:
        breaker = breaker.merged(0, successes=successes, failures=failures, run=run)

    assert breaker.state == state


def test_probes_of_peers_do_not_decide_here() -> None:
    probing = opened(0).probing(10)

    assert probing.merged(10, successes=9, failures=0, run=0) is probing
    assert probing.merged(10, successes=0, failures=9, run=9) is probing


MOVES = st.lists(
    st.tuples(
        st.sampled_from(("succeeded", "failed", "probing", "released", "merged")),
        st.floats(0, 15),
        st.floats(0, 30),
        st.booleans(),
    ),
    max_size=80,
)
Move = tuple[str, float, float, bool]


def states(moves: list[Move]) -> list[tuple[float, Breaker]]:
    """Every breaker on the way. An attempt ends up to 30 s after it began."""
    now_s, breaker = 0.0, closed()
    seen = [(now_s, breaker)]
    for move, passed_s, took_s, flag in moves:
        now_s += passed_s
        if move == "merged":
            breaker = breaker.merged(now_s, successes=int(flag), failures=3, run=3)
        elif move in ("probing", "released"):
            breaker = getattr(breaker, move)(now_s)
        else:
            breaker = getattr(breaker, move)(now_s, now_s - took_s)
        seen.append((now_s, breaker))
    return seen


@given(MOVES)
def test_it_comes_back_only_step_by_step(moves: list[Move]) -> None:
    names = [breaker.state for _, breaker in states(moves)]

    forbidden = {
        *(("closed", name) for name in ("half_open", "slow_start")),
        *(("open", name) for name in ("closed", "slow_start")),
        ("half_open", "closed"),
        ("slow_start", "half_open"),
    }
    assert not forbidden & set(pairwise(names))


@given(MOVES)
def test_it_always_allows_an_attempt_again_in_time(moves: list[Move]) -> None:
    _, last = states(moves)[-1]

    assert last.allows(last.since_s + SETTINGS.max_cool_down_s)
    assert SETTINGS.cool_down_s <= last.cool_down_s <= SETTINGS.max_cool_down_s


@given(MOVES)
def test_probes_and_window_stay_within_their_limits(moves: list[Move]) -> None:
    for now_s, breaker in states(moves):
        assert 0 <= breaker.probes <= SETTINGS.half_open_probes
        assert 0 <= breaker.proofs < SETTINGS.half_open_probes
        assert len(breaker.window) <= 10
        attempts, failures = breaker.counted(now_s)
        assert 0 <= failures <= attempts
        assert 0.0 <= breaker.share(now_s) <= 1.0


@given(MOVES, st.floats(0, 100), st.booleans())
def test_old_attempts_never_move_it(moves: list[Move], later_s: float, failed: bool) -> None:
    now_s, breaker = states(moves)[-1]
    old_s = breaker.opened_s
    end = breaker.failed if failed else breaker.succeeded

    if old_s >= 0:
        assert end(now_s + later_s, old_s) is breaker
