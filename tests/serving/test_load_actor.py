"""Ingress replicas see each other's load on the actor."""

from __future__ import annotations

from serve_app.serving.load_actor import FORGET_AFTER_S, LoadActor
from serve_app.testing import ManualClock


def test_a_replica_reads_the_sum_of_the_others_and_never_its_own() -> None:
    load_actor = LoadActor(ManualClock().now)
    load_actor.exchange("a", {"bf16": 2})
    load_actor.exchange("b", {"bf16": 3, "w8a8": 1})
    assert load_actor.exchange("c", {"bf16": 40}) == {"bf16": 5, "w8a8": 1}
    assert load_actor.exchange("a", {"bf16": 1}) == {"bf16": 43, "w8a8": 1}


async def test_a_replica_that_went_away_is_forgotten() -> None:
    clock = ManualClock()
    load_actor = LoadActor(clock.now)
    load_actor.exchange("gone", {"bf16": 7})
    await clock.advance(FORGET_AFTER_S + 0.1)
    assert load_actor.exchange("a", {}) == {}
