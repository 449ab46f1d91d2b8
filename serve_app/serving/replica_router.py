"""Chooses the replica of a pair for a call, as its `Placement` wishes, and notes which it is.

Ray Serve runs this in the process that calls, inside its handle. It takes the better of two random
replicas, as Ray Serve's own router does. Ray Serve pickles this module by value: it may hold no
state.
"""

from __future__ import annotations

import random
from typing import Any

from ray.serve.request_router import (
    LocalityMixin,
    PendingRequest,
    ReplicaID,
    RequestRouter,
    RunningReplica,
)

from serve_app.core.ports import Placement


class PlacementRouter(LocalityMixin, RequestRouter):
    """Power of two choices among the replicas that a call does not avoid."""

    async def choose_replicas(
        self,
        candidate_replicas: list[RunningReplica],
        pending_request: PendingRequest | None = None,
    ) -> list[list[RunningReplica]]:
        nearby = self.apply_locality_routing(pending_request=pending_request)
        near = [each for each in candidate_replicas if each.replica_id in nearby]
        placement = _placement_of(pending_request)
        if placement is None:
            return [_two_of(near)]
        placement.live = frozenset(each.replica_id.unique_id for each in candidate_replicas)
        placement.replica = None
        wished = _wished(near, candidate_replicas, placement)
        # Full ones are asked again only if all are: one may have room by now.
        free = self.select_available_replicas(wished)
        if not free:
            return [_two_of(wished)]
        best = min(_two_of(free), key=self._queue_length)
        # A replica that has stopped takes the call and never confirms it. So it is noted now.
        placement.replica = best.replica_id.unique_id
        return [[best]]

    def on_request_routed(
        self, pending_request: PendingRequest, replica_id: ReplicaID, result: Any
    ) -> None:
        """The replica has taken the call."""
        placement = _placement_of(pending_request)
        if placement is not None:
            placement.replica = replica_id.unique_id

    def _queue_length(self, replica: RunningReplica) -> int:
        """Calls at the replica, as far as they are known. An unknown one is asked."""
        return self.replica_queue_len_cache.get(replica.replica_id) or 0


def _placement_of(pending_request: PendingRequest | None) -> Placement | None:
    arguments = pending_request.args if pending_request is not None else ()
    return next((each for each in arguments if isinstance(each, Placement)), None)


def _wished(
    near: list[RunningReplica], every: list[RunningReplica], placement: Placement
) -> list[RunningReplica]:
    """The one that the call prefers, else those that it does not avoid, else all."""
    avoid = placement.avoid
    return (
        [each for each in every if each.replica_id.unique_id == placement.prefer]
        or [each for each in near if each.replica_id.unique_id not in avoid]
        or [each for each in every if each.replica_id.unique_id not in avoid]
        or near
    )


def _two_of(replicas: list[RunningReplica]) -> list[RunningReplica]:
    return random.sample(replicas, min(2, len(replicas)))
