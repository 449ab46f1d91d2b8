"""One actor holds what all ingress replicas share: load, outcomes, each pair's replicas, feedback.

The actor polls Ray Serve once for all of them. Only `POST /v1/feedback` waits for it. All else is
exchanged in the background, and a replica goes on with what it knows while the actor is away.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import TypeVar

from ray import serve
from ray.serve.deployment import Application

from serve_app.background import keep_running
from serve_app.core.errors import FeedbackUnavailable
from serve_app.feedback.collector import EXCHANGE_EVERY_S as FEEDBACK_EVERY_S
from serve_app.feedback.score_store import (
    FeedbackUpdate,
    InMemoryScoreStore,
    Score,
    ScoreReceipt,
    ServedAnswer,
)
from serve_app.serving.handle_errors import HandleError, handle_errors
from serve_app.serving.handles import Handle
from serve_app.serving.replicas import watch_replicas
from serve_app.settings import FeedbackSettings
from serve_app.state.breakers import Breakers
from serve_app.state.fleet_load import FORGET_AFTER_S, FleetLoad, FleetUpdate
from serve_app.state.load import LoadTracker
from serve_app.state.outcomes import Outcomes

T = TypeVar("T")

EXCHANGE_EVERY_S = 0.2
FEEDBACK_TIMEOUT_S = 5.0
RETRY_AFTER_S = 1.0


class FleetActor:
    """Delegates to the fleet's load and to its score store. Watches the replicas of each pair."""

    def __init__(
        self,
        max_replicas: Mapping[str, int],
        feedback: FeedbackSettings,
        applications: Mapping[str, str],
    ) -> None:
        self._max_replicas = max_replicas
        self._applications = applications
        self._load = FleetLoad(time.monotonic)
        self._scores = InMemoryScoreStore(feedback, time.monotonic)
        self._watching: asyncio.Task[None] | None = None

    async def exchange(
        self, replica: str, in_flight: Mapping[str, int], outcomes: Outcomes
    ) -> FleetUpdate:
        # The first call starts the poll: the constructor has no running event loop.
        if self._watching is None or self._watching.done():
            app_name = serve.get_replica_context().app_name
            watch = partial(
                watch_replicas,
                app_name,
                self._max_replicas,
                self._load.set_replicas,
                applications=self._applications,
            )
            self._watching = asyncio.create_task(keep_running("replicas", watch))
        return self._load.exchange(replica, in_flight, outcomes)

    async def exchange_scores(
        self, replica: str, served: Sequence[ServedAnswer], known: FeedbackUpdate
    ) -> FeedbackUpdate:
        return await self._scores.exchange(replica, served, known)

    async def take_score(self, score: Score, served: ServedAnswer | None) -> ScoreReceipt:
        return await self._scores.take(score, served)


def build_fleet_actor(
    max_replicas: Mapping[str, int],
    feedback: FeedbackSettings,
    applications: Mapping[str, str] = MappingProxyType({}),
) -> Application:
    """The Serve application node of the actor. `max_replicas` is by pair, and so are the
    `applications` of the pairs that have their own."""
    deployment = serve.deployment(
        name="FleetActor",
        num_replicas=1,
        max_ongoing_requests=1024,
        ray_actor_options={"num_cpus": 0},
    )(FleetActor)
    return deployment.bind(dict(max_replicas), feedback, dict(applications))


class FleetLink:
    """The load and the outcomes of one ingress replica, exchanged with the actor.

    While the actor is away, requests are routed by the replica's own counts. The replica then has
    to poll Ray Serve itself, and tries the actor again at every exchange.
    """

    def __init__(
        self,
        actor: Handle,
        replica: str,
        load: LoadTracker,
        breakers: Breakers,
        timeout_s: float = FORGET_AFTER_S,
    ) -> None:
        self._actor = actor
        self._replica = replica
        self._load = load
        self._breakers = breakers
        self._timeout_s = timeout_s
        self._knows_replicas = False

    def needs_own_poll(self) -> bool:
        return not self._knows_replicas

    async def run(self) -> None:
        """Exchanges until cancelled."""
        while True:
            await self.exchange()
            await asyncio.sleep(EXCHANGE_EVERY_S)

    async def exchange(self) -> None:
        """Reports what this replica has seen, and takes over what the actor knows."""
        try:
            # A frozen actor neither answers nor fails.
            async with asyncio.timeout(self._timeout_s):
                with handle_errors():
                    update: FleetUpdate = await self._actor.exchange.remote(
                        self._replica, self._load.own_in_flight(), self._breakers.outcomes()
                    )
        except (HandleError, TimeoutError):
            self._load.set_peers({})
            self._knows_replicas = False
            return
        self._load.set_peers(update.peers_in_flight)
        self._breakers.merge(update.peers_outcomes)
        if update.replicas is not None:
            self._load.set_replicas(update.replicas)
        self._knows_replicas = update.replicas is not None


class RayScoreStore:
    """A `ScoreStore`: the actor behind its handle."""

    def __init__(
        self, actor: Handle, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._actor = actor
        self._sleep = sleep

    async def exchange(
        self, replica: str, served: Sequence[ServedAnswer], known: FeedbackUpdate
    ) -> FeedbackUpdate:
        update: FeedbackUpdate = await _in_time(
            self._actor.exchange_scores.remote(replica, served, known)
        )
        return update

    async def take(self, score: Score, served: ServedAnswer | None) -> ScoreReceipt:
        receipt: ScoreReceipt = await _in_time(self._actor.take_score.remote(score, served))
        if receipt.status != "unknown":
            return receipt
        # Another replica may have answered a moment ago, and not yet sent that.
        await self._sleep(2 * FEEDBACK_EVERY_S)
        second: ScoreReceipt = await _in_time(self._actor.take_score.remote(score, served))
        return second


async def _in_time(response: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(FEEDBACK_TIMEOUT_S):
            with handle_errors():
                return await response
    except (HandleError, TimeoutError) as exc:
        cause = exc.cause if isinstance(exc, HandleError) else type(exc).__name__
        raise FeedbackUnavailable(cause, RETRY_AFTER_S) from exc
