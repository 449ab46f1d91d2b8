"""One place adds up what all ingress replicas report."""

from __future__ import annotations

from serve_app.state.fleet_load import FORGET_AFTER_S, FleetLoad
from serve_app.state.load import Replicas
from serve_app.testing import ManualClock


def test_a_replica_gets_the_sum_of_the_others_and_never_its_own() -> None:
    fleet = FleetLoad(ManualClock().now)
    fleet.exchange("a", {"bf16": 2})
    fleet.exchange("b", {"bf16": 3, "w8a8": 1})

    assert fleet.exchange("c", {"bf16": 40}).peers_in_flight == {"bf16": 5, "w8a8": 1}
    assert fleet.exchange("a", {"bf16": 1}).peers_in_flight == {"bf16": 43, "w8a8": 1}


async def test_a_replica_that_went_away_is_forgotten() -> None:
    clock = ManualClock()
    fleet = FleetLoad(clock.now)
    fleet.exchange("gone", {"bf16": 7})

    await clock.advance(FORGET_AFTER_S + 0.1)

    assert fleet.exchange("a", {}).peers_in_flight == {}


def test_every_replica_gets_the_same_states_of_the_pairs() -> None:
    fleet, states = FleetLoad(ManualClock().now), {"bf16": Replicas(ready=1, starting=1, maximum=4)}
    before = fleet.exchange("a", {})

    fleet.set_replicas(states)

    assert before.replicas is None
    assert [fleet.exchange(replica, {}).replicas for replica in "ab"] == [states, states]
