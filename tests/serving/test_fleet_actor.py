"""Ingress replicas share one actor, and route without it while it is away."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable
from typing import cast

import pytest
from ray.exceptions import RayActorError

from serve_app.core.breaker import BreakerSettings
from serve_app.serving.fleet_actor import FleetLink
from serve_app.serving.handles import Handle
from serve_app.state.breakers import Breakers
from serve_app.state.fleet_load import FleetLoad, FleetUpdate
from serve_app.state.load import LoadTracker, Replicas
from serve_app.state.outcomes import Outcomes
from serve_app.testing import ManualClock
from tests.builders import a_pair
from tests.paths import REPOSITORY
from tests.waiting import GIVE_UP_S

TWO_READY = {"cheap": Replicas(ready=2, starting=0, maximum=2)}


def breakers_of(pair: str) -> Breakers:
    return Breakers([pair], BreakerSettings(), ManualClock())


def fails(breakers: Breakers, times: int) -> None:
    for _ in range(times):
        breakers.failed(breakers.begin("cheap"))


class FleetHandle:
    """A handle to `fleet` that can be frozen, or fail as the handle of a dead actor does."""

    def __init__(self, fleet: FleetLoad) -> None:
        self._fleet = fleet
        self.frozen = False
        self.dead = False

    @property
    def exchange(self) -> FleetHandle:
        return self

    def remote(
        self, replica: str, in_flight: dict[str, int], outcomes: Outcomes
    ) -> Awaitable[FleetUpdate]:
        return self._exchange(replica, in_flight, outcomes)

    async def _exchange(
        self, replica: str, in_flight: dict[str, int], outcomes: Outcomes
    ) -> FleetUpdate:
        if self.frozen:
            await asyncio.Event().wait()
        if self.dead:
            raise RayActorError
        return self._fleet.exchange(replica, in_flight, outcomes)


class Connected:
    """One ingress replica at an actor that knows of seven requests of another replica."""

    def __init__(self) -> None:
        self.fleet = FleetLoad(ManualClock().now)
        self.fleet.set_replicas(TWO_READY)
        self.fleet.exchange("other", {"cheap": 7})
        self.handle = FleetHandle(self.fleet)
        self.load, self.breakers = LoadTracker([a_pair("cheap")]), breakers_of("cheap")
        self.link = FleetLink(
            cast(Handle, self.handle), "mine", self.load, self.breakers, timeout_s=0.01
        )

    @property
    def known(self) -> tuple[int, int]:
        """Replicas that are ready, and requests in flight."""
        cheap = self.load.view()["cheap"]
        return cheap.ready_replicas, cheap.in_flight


async def test_a_replica_takes_over_what_the_actor_knows() -> None:
    connected = Connected()
    assert connected.link.needs_own_poll()

    await connected.link.exchange()

    assert connected.known == (2, 7)
    assert not connected.link.needs_own_poll()


async def test_a_replica_polls_itself_until_the_actor_knows_the_pairs() -> None:
    load = LoadTracker([a_pair("cheap")])
    handle = FleetHandle(FleetLoad(ManualClock().now))
    link = FleetLink(cast(Handle, handle), "mine", load, breakers_of("cheap"))
    load.set_replicas(TWO_READY)

    await link.exchange()

    assert link.needs_own_poll()
    assert load.view()["cheap"].ready_replicas == 2


@pytest.mark.parametrize("fault", ["frozen", "dead"])
async def test_without_the_actor_a_replica_goes_on_with_what_it_knows(fault: str) -> None:
    connected = Connected()
    await connected.link.exchange()
    setattr(connected.handle, fault, True)

    with connected.load.counted("cheap"):
        await connected.link.exchange()

        assert connected.known == (2, 1)
        assert connected.link.needs_own_poll()


@pytest.mark.parametrize("fault", ["frozen", "dead"])
async def test_a_replica_connects_again_when_the_actor_is_back(fault: str) -> None:
    connected = Connected()
    setattr(connected.handle, fault, True)
    await connected.link.exchange()

    setattr(connected.handle, fault, False)
    await connected.link.exchange()

    assert connected.known == (2, 7)
    assert not connected.link.needs_own_poll()


async def test_a_breaker_that_opens_at_one_replica_opens_at_the_others() -> None:
    connected, elsewhere = Connected(), breakers_of("cheap")
    await connected.link.exchange()
    fails(elsewhere, 5)
    connected.fleet.exchange("other", {}, elsewhere.outcomes())

    await connected.link.exchange()

    assert not connected.breakers.allows("cheap")


@pytest.mark.parametrize("fault", ["frozen", "dead"])
async def test_without_the_actor_a_breaker_opens_by_its_own_counts(fault: str) -> None:
    connected = Connected()
    setattr(connected.handle, fault, True)
    fails(connected.breakers, 5)

    await connected.link.exchange()

    assert not connected.breakers.allows("cheap")


DRIVER = """
import asyncio, json, signal
import psutil, ray
from ray import serve
from serve_app.serving.fleet_actor import FleetLink, build_fleet_actor
from serve_app.settings import FeedbackSettings
from serve_app.core.breaker import BreakerSettings
from serve_app.state.breakers import Breakers
from serve_app.state.load import LoadTracker
from serve_app.testing import ManualClock
from tests.builders import a_pair

def actor():
    for process in psutil.Process().children(recursive=True):
        if process.name().startswith("ray::") and "FleetActor" in " ".join(process.cmdline()):
            return process

async def until(link, needs_own_poll):
    while link.needs_own_poll() is not needs_own_poll:
        await link.exchange()
        await asyncio.sleep(0.1)

async def main():
    load = LoadTracker([a_pair("FleetActor")])
    breakers = Breakers(["FleetActor"], BreakerSettings(), ManualClock())
    link = FleetLink(handle, "mine", load, breakers)
    await until(link, False)
    ready = load.view()["FleetActor"].ready_replicas
    frozen = actor()
    frozen.send_signal(signal.SIGSTOP)
    await until(link, True)
    kept = load.view()["FleetActor"].ready_replicas
    frozen.send_signal(signal.SIGCONT)
    await until(link, False)
    actor().kill()
    await until(link, True)
    await until(link, False)
    print(json.dumps({"ready": ready, "kept": kept, "replaced": actor().pid != frozen.pid}))

ray.init(num_cpus=1, include_dashboard=False, object_store_memory=100 * 2**20, log_to_driver=False)
# The actor watches itself: its own deployment stands in for a pair.
app = build_fleet_actor({"FleetActor": 1}, FeedbackSettings())
handle = serve.run(app, name="fleet", route_prefix=None)
asyncio.run(main())
serve.shutdown()
ray.shutdown()
"""


@pytest.mark.ray
def test_a_real_actor_is_frozen_and_killed_and_found_again() -> None:
    driver = subprocess.run(
        [sys.executable, "-c", DRIVER],
        cwd=REPOSITORY,
        # Ray starts its workers with a niceness of 15: they would starve on a busy machine.
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "RAY_worker_niceness": "0"},
        stdout=subprocess.PIPE,
        text=True,
        timeout=3 * GIVE_UP_S,
        check=True,
    )

    (printed,) = [line for line in driver.stdout.splitlines() if line.startswith("{")]
    assert json.loads(printed) == {"ready": 1, "kept": 1, "replaced": True}
