"""Ingress replicas share what their attempts came to, through one place."""

from __future__ import annotations

from serve_app.core.breaker import BreakerSettings
from serve_app.state.breakers import Breakers
from serve_app.state.fleet_load import FleetLoad
from serve_app.state.outcomes import Outcomes
from serve_app.testing import ManualClock

FOUR = frozenset({"r1", "r2", "r3", "r4"})
SETTINGS = BreakerSettings(min_samples=10)


class Ingress:
    """One ingress replica whose clock started at a time of its own."""

    def __init__(self, name: str, fleet: FleetLoad, started_s: float) -> None:
        self.name = name
        self.fleet = fleet
        self.clock = ManualClock(started_s)
        self.breakers = Breakers(["a", "b"], SETTINGS, self.clock)
        self.exchange()

    def exchange(self) -> None:
        update = self.fleet.exchange(self.name, {}, self.breakers.outcomes())
        self.breakers.merge(update.peers_outcomes)

    def sees(self, outcomes: str, replica: str | None = None) -> None:
        """`+` is a whole answer and `-` a failure."""
        for outcome in outcomes:
            attempt = self.breakers.begin("a")
            attempt.placement.replica = replica
            attempt.placement.live = FOUR if replica else frozenset()
            if outcome == "-":
                self.breakers.failed(attempt)
            else:
                self.breakers.gave_first_token(attempt)
                self.breakers.succeeded(attempt)

    @property
    def state(self) -> str:
        return self.breakers.states()["a"].state


def two() -> tuple[Ingress, Ingress]:
    fleet = FleetLoad(ManualClock().now)
    one, other = Ingress("one", fleet, 5), Ingress("other", fleet, 1e6)
    one.exchange()
    return one, other


def test_a_breaker_opens_everywhere_at_the_next_exchange() -> None:
    one, other = two()
    one.sees("-----")
    assert other.state == "closed"

    one.exchange()
    other.exchange()

    assert (one.state, other.state) == ("open", "open")
    assert not other.breakers.allows("a")


def test_failures_at_several_ingress_replicas_add_up() -> None:
    one, other = two()
    one.sees("---")
    other.sees("--")

    one.exchange()
    other.exchange()
    one.exchange()

    assert (one.state, other.state) == ("open", "open")


def test_answers_elsewhere_keep_a_pair_in_use_there() -> None:
    """The first replica may have lost its network. It alone leaves the pair alone."""
    one, other = two()
    other.sees("++++++++")
    one.sees("-----")
    one.exchange()
    other.exchange()

    assert one.state == "open"
    status = other.breakers.states()["a"]
    assert (status.state, status.failures) == ("closed", 0)
    assert (status.window_attempts, status.window_failures) == (13, 5)


def test_answers_elsewhere_do_not_end_a_run_of_its_own() -> None:
    one, other = two()
    for _ in range(5):
        one.sees("-")
        other.sees("+++")
        other.exchange()
        one.exchange()

    assert (one.state, other.state) == ("open", "closed")


def test_an_answer_from_before_the_last_exchange_does_not_end_a_later_run() -> None:
    one, other = two()
    other.sees("+")
    one.sees("+")
    one.exchange()
    other.exchange()
    one.sees("-----")
    one.exchange()
    other.exchange()

    assert other.state == "open"


def test_only_failures_after_the_last_answer_of_a_peer_are_a_run() -> None:
    one, other = two()
    one.sees("+")
    one.exchange()
    other.exchange()
    one.sees("----+-")
    one.exchange()
    other.exchange()

    assert other.breakers.states()["a"].failures == 1


def test_failures_between_answers_of_a_peer_are_no_run() -> None:
    one, other = two()
    for _ in range(9):
        one.sees("+++-")
        one.exchange()
        other.exchange()

    assert (one.state, other.state) == ("closed", "closed")


def test_a_replica_of_a_pair_is_avoided_by_an_ingress_that_never_asked_it() -> None:
    one, other = two()
    one.sees("-----", "r1")
    one.exchange()
    other.exchange()

    assert other.state == "closed"
    assert other.breakers.begin("a").placement.avoid == {"r1"}


def test_a_report_that_is_lost_or_comes_twice_changes_nothing() -> None:
    one, other = two()
    one.sees("----")
    one.exchange()
    one.fleet.exchange("other", {}, other.breakers.outcomes())
    other.exchange()
    other.exchange()
    other.exchange()

    assert other.breakers.states()["a"].failures == 4


async def test_what_a_place_counted_is_new_after_it_was_dropped() -> None:
    one, other = two()
    one.sees("++++--")
    one.exchange()
    other.exchange()
    await one.clock.advance(1000)
    one.sees("---")
    one.exchange()
    other.exchange()

    assert other.breakers.states()["a"].failures == 5


def test_a_peer_that_is_new_here_brings_no_history() -> None:
    one, _ = two()
    one.sees("----------")
    one.exchange()

    late = Ingress("late", one.fleet, 0)
    late.exchange()

    assert late.state == "closed"


def test_a_pair_that_only_a_peer_knows_is_ignored() -> None:
    breakers = Breakers(["a"], SETTINGS, ManualClock())
    elsewhere = Breakers(["z"], SETTINGS, ManualClock())
    breakers.merge({"peer": Outcomes()})
    for _ in range(5):
        elsewhere.failed(elsewhere.begin("z"))

    breakers.merge({"peer": elsewhere.outcomes()})

    assert breakers.states()["a"].state == "closed"
