"""The breakers of pairs and of their replicas at one ingress replica."""

from __future__ import annotations

from dataclasses import replace

import pytest

from serve_app.core.breaker import BreakerSettings
from serve_app.core.fleet import Load
from serve_app.state.breakers import Attempt, Breakers
from serve_app.testing import ManualClock

IDLE = Load(ready_replicas=1)
FIVE = BreakerSettings(half_open_probes=2, slow_start_s=10)
FOUR = ("r1", "r2", "r3", "r4")


class Watched:
    """Breakers of two pairs, and attempts that are placed where a test wants."""

    def __init__(self, settings: BreakerSettings = FIVE) -> None:
        self.clock = ManualClock(100)
        self.breakers = Breakers(["a", "b"], settings, self.clock)

    def begun(
        self, pair: str = "a", replica: str | None = None, live: tuple[str, ...] = ()
    ) -> Attempt:
        attempt = self.breakers.begin(pair)
        attempt.placement.replica, attempt.placement.live = replica, frozenset(live)
        return attempt

    def fails(
        self, times: int, pair: str = "a", replica: str | None = None, live: tuple[str, ...] = ()
    ) -> None:
        for attempt in [self.begun(pair, replica, live) for _ in range(times)]:
            self.breakers.failed(attempt)

    def answers(self, replica: str | None = None, live: tuple[str, ...] = ()) -> None:
        attempt = self.begun("a", replica, live)
        self.breakers.gave_first_token(attempt)
        self.breakers.succeeded(attempt)

    def state(self, replica: str | None = None) -> str:
        status = self.breakers.states()["a"]
        return status.state if replica is None else status.replicas[replica].state

    def marked(self, **loads: Load) -> list[str]:
        seen = self.breakers.merged_into(loads or {"a": IDLE, "b": IDLE})
        return [pair for pair, load in seen.items() if load.breaker_open]


def test_only_pairs_that_may_not_be_tried_are_marked() -> None:
    watched = Watched()
    watched.fails(5, "b")

    assert watched.marked() == ["b"]


def test_a_broken_pair_whose_load_nobody_knows_stays_unknown() -> None:
    watched = Watched()
    watched.fails(5, "a")
    watched.fails(5, "b")

    assert watched.breakers.merged_into({"a": IDLE}).keys() == {"a"}


def test_loads_of_calm_pairs_pass_as_they_are() -> None:
    watched, loads = Watched(), {"a": IDLE, "b": IDLE}
    watched.answers()

    assert watched.breakers.merged_into(loads) is loads


def test_one_of_four_replicas_that_dies_with_its_streams_leaves_the_pair_in_use() -> None:
    watched = Watched()
    watched.fails(9, replica="r1", live=FOUR)

    assert (watched.state(), watched.state("r1")) == ("closed", "open")
    assert watched.marked() == []
    assert watched.breakers.begin("a").placement.avoid == {"r1"}


def test_failures_at_most_replicas_are_those_of_the_pair() -> None:
    watched = Watched()
    for replica in ("r1", "r2", "r3"):
        watched.fails(2, replica=replica, live=FOUR)

    assert watched.state() == "open"
    assert watched.marked() == ["a"]


def test_failures_at_half_of_the_replicas_are_not_those_of_the_pair() -> None:
    watched = Watched()
    for replica in ("r1", "r2"):
        watched.fails(4, replica=replica, live=FOUR)

    assert watched.state() == "closed"


def test_a_pair_without_a_replica_to_use_is_left_alone() -> None:
    watched = Watched()
    for replica in FOUR[:3]:
        watched.fails(5, replica=replica, live=FOUR)
    assert watched.state() == "closed"
    assert watched.breakers.begin("a").placement.avoid == {"r1", "r2", "r3"}

    watched.fails(5, replica="r4", live=FOUR)
    assert watched.marked() == ["a"]


def test_the_only_replica_of_a_pair_is_the_pair() -> None:
    watched = Watched()
    watched.fails(5, replica="r1", live=("r1",))

    assert watched.state() == "open"
    assert watched.breakers.states()["a"].replicas == {}


async def test_a_replica_comes_back_by_probes_that_are_sent_to_it() -> None:
    watched = Watched()
    watched.fails(5, replica="r1", live=FOUR)
    await watched.clock.advance(5)
    watched.marked()

    probes = [watched.breakers.begin("a") for _ in range(4)]
    assert [probe.placement.prefer for probe in probes] == ["r1", "r1", None, None]
    assert probes[2].placement.avoid == {"r1"}
    for probe in probes[:2]:
        probe.placement.replica = "r1"
        watched.breakers.gave_first_token(probe)
    assert watched.state("r1") == "slow_start"

    await watched.clock.advance(5)
    avoided = 0
    for _ in range(100):
        watched.marked()
        avoided += "r1" in watched.breakers.begin("a").placement.avoid
    assert 45 <= avoided <= 55

    await watched.clock.advance(5)
    watched.marked()
    assert watched.state("r1") == "closed"


async def test_a_probe_that_went_elsewhere_or_shows_nothing_is_given_back() -> None:
    watched = Watched(replace(FIVE, half_open_probes=1))
    watched.fails(5, replica="r1", live=FOUR)
    await watched.clock.advance(5)

    elsewhere = watched.begun("a", "r2", FOUR)
    watched.breakers.gave_first_token(elsewhere)
    busy = watched.breakers.begin("a")
    watched.breakers.released(busy)

    assert (elsewhere.placement.prefer, busy.placement.prefer) == ("r1", "r1")
    assert watched.breakers.begin("a").placement.prefer == "r1"
    assert watched.state("r1") == "half_open"


@pytest.mark.parametrize("replica", [None, "r1"])
async def test_a_stream_that_began_before_the_breaker_opened_does_not_decide(
    replica: str | None,
) -> None:
    watched = Watched(replace(FIVE, half_open_probes=1))
    live = () if replica is None else FOUR
    old = [watched.begun("a", replica, live) for _ in range(9)]
    await watched.clock.advance(1)
    watched.fails(5, replica=replica, live=live)
    await watched.clock.advance(5)
    watched.breakers.begin("a")
    assert watched.state(replica) == "half_open"

    for attempt in old[:3]:
        watched.breakers.failed(attempt)
    for attempt in old[3:6]:
        watched.breakers.gave_first_token(attempt)
        watched.breakers.succeeded(attempt)
    for attempt in old[6:]:
        watched.breakers.released(attempt)

    assert watched.state(replica) == "half_open"


async def test_a_slow_start_holds_back_a_share_unless_no_other_pair_is_ready() -> None:
    watched = Watched(replace(FIVE, half_open_probes=1))
    watched.fails(5)
    await watched.clock.advance(5)
    watched.answers()
    assert watched.state() == "slow_start"

    await watched.clock.advance(3)
    held_back = sum(watched.marked() == ["a"] for _ in range(100))
    assert 65 <= held_back <= 75
    cold = Load(ready_replicas=0)
    assert not any(watched.marked(a=IDLE, b=cold) for _ in range(100))


def test_a_replica_that_is_gone_costs_the_others_nothing() -> None:
    watched, loads = Watched(), {"a": IDLE, "b": IDLE}
    watched.fails(5, replica="r1", live=FOUR)
    watched.answers("r2", FOUR[1:])

    watched.breakers.merged_into(loads)

    assert watched.breakers.merged_into(loads) is loads
    assert watched.breakers.begin("a").placement.avoid == frozenset()


async def test_replicas_that_are_gone_for_long_are_forgotten() -> None:
    watched = Watched()
    watched.answers("r1", FOUR)
    await watched.clock.advance(1000)
    watched.answers("n1", ("n1", "n2"))

    assert set(watched.breakers.states()["a"].replicas) == {"n1"}
