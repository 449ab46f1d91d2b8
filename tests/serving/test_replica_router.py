"""Which replica of a pair gets a call."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st
from ray.serve.request_router import PendingRequest, ReplicaID, RunningReplica

from serve_app.core.ports import Placement
from serve_app.serving.replica_router import PlacementRouter

NAMES = ("r1", "r2", "r3", "r4")


@dataclass(frozen=True)
class Id:
    unique_id: str


@dataclass(frozen=True)
class Replica:
    replica_id: Id


REPLICAS = cast(list[RunningReplica], [Replica(Id(name)) for name in NAMES])


class RouterUnderTest(PlacementRouter):
    """The choice itself, without the queues of a running deployment."""

    def __init__(
        self,
        *,
        near: tuple[str, ...] = NAMES,
        full: tuple[str, ...] = (),
        lengths: dict[str, int] | None = None,
    ) -> None:
        self._near, self._full, self._lengths = near, full, lengths or {}

    def apply_locality_routing(self, pending_request: Any = None) -> set[Any]:
        return {Id(name) for name in self._near}

    def select_available_replicas(self, candidates: Any = None) -> list[RunningReplica]:
        return [each for each in candidates if each.replica_id.unique_id not in self._full]

    def _queue_length(self, replica: RunningReplica) -> int:
        return self._lengths.get(replica.replica_id.unique_id, 0)


async def chosen(router: PlacementRouter, placement: Placement) -> list[str]:
    request = PendingRequest(
        args=["chat", {}, "id", placement], kwargs={}, metadata=cast(Any, None)
    )
    (rank,) = await router.choose_replicas(REPLICAS, request)
    return [each.replica_id.unique_id for each in rank]


@given(st.frozensets(st.sampled_from(NAMES)), st.frozensets(st.sampled_from(NAMES), min_size=1))
async def test_a_replica_to_avoid_is_chosen_only_if_all_are(
    avoid: frozenset[str], near: frozenset[str]
) -> None:
    placement = Placement(avoid=avoid)

    (name,) = await chosen(RouterUnderTest(near=tuple(near)), placement)

    assert name not in avoid or avoid == set(NAMES)
    assert (placement.replica, placement.live) == (name, set(NAMES))


async def test_a_probe_goes_to_the_replica_that_it_is_for() -> None:
    placement = Placement(prefer="r3", avoid=frozenset({"r3"}))

    assert await chosen(RouterUnderTest(near=("r1",)), placement) == ["r3"]


async def test_a_probe_of_a_replica_that_is_gone_goes_elsewhere() -> None:
    (name,) = await chosen(RouterUnderTest(), Placement(prefer="gone", avoid=frozenset({"r1"})))

    assert name in ("r2", "r3", "r4")


async def test_the_shorter_queue_of_two_is_chosen() -> None:
    router = RouterUnderTest(lengths={"r1": 9})

    assert {(await chosen(router, Placement()))[0] for _ in range(200)} == {"r2", "r3", "r4"}


async def test_a_call_that_waits_for_room_has_no_replica_yet() -> None:
    placement = Placement(replica="r1")

    assert len(await chosen(RouterUnderTest(full=NAMES), placement)) == 2
    assert placement.replica is None
    assert await chosen(RouterUnderTest(full=("r1", "r2", "r3")), placement) == ["r4"]


async def test_the_replica_that_takes_the_call_is_noted() -> None:
    placement = Placement()
    request = PendingRequest(args=[placement], kwargs={}, metadata=cast(Any, None))

    RouterUnderTest().on_request_routed(request, cast(ReplicaID, Id("r2")), None)

    assert placement.replica == "r2"


async def test_a_call_without_a_placement_goes_to_any_two() -> None:
    request = PendingRequest(args=["health"], kwargs={}, metadata=cast(Any, None))
    (rank,) = await RouterUnderTest().choose_replicas(REPLICAS, request)

    assert len(rank) == 2


def test_a_placement_stays_in_its_process() -> None:
    placement = Placement(avoid=frozenset({"r1"}), prefer="r2", replica="r2", live=frozenset(NAMES))

    arrived = pickle.loads(pickle.dumps(placement))

    assert (arrived.avoid, arrived.prefer, arrived.replica, arrived.live) == (
        frozenset(),
        None,
        None,
        frozenset(),
    )
