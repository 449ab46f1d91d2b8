"""In-flight counts shared between ingress replicas.

Each replica knows only the requests it sent itself. On the actor every replica pins its own
counts and reads the sum of the others', so that a decision sees the load of the whole fleet.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping

from ray import serve
from ray.exceptions import RayError
from ray.serve.deployment import Application
from ray.serve.exceptions import RayServeException

from serve_app.serving.handles import Handle
from serve_app.state.load import LoadTracker

EXCHANGE_EVERY_S = 0.2
FORGET_AFTER_S = 2.0


class LoadActor:
    """The counts of every replica that pinned some lately."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._pinned: dict[str, tuple[float, Mapping[str, int]]] = {}

    def exchange(self, replica: str, in_flight: Mapping[str, int]) -> dict[str, int]:
        """Pins `in_flight` (requests by pair) and returns the sum over the other replicas."""
        now = self._now()
        self._pinned[replica] = (now, in_flight)
        total: Counter[str] = Counter()
        for other, (pinned_at, counts) in list(self._pinned.items()):
            if now - pinned_at > FORGET_AFTER_S:
                del self._pinned[other]
            elif other != replica:
                total.update(counts)
        return dict(total)


def build_load_actor() -> Application:
    """The Serve application node of the actor."""
    deployment = serve.deployment(
        name="LoadActor", num_replicas=1, ray_actor_options={"num_cpus": 0}
    )(LoadActor)
    return deployment.bind()


async def exchange_load(load_actor: Handle, replica: str, load: LoadTracker) -> None:
    """Runs until cancelled. While the actor is away the last counts of the others fade to zero."""
    while True:
        try:
            load.set_peers(await load_actor.exchange.remote(replica, load.own_in_flight()))
        except (RayError, RayServeException):
            load.set_peers({})
        await asyncio.sleep(EXCHANGE_EVERY_S)
