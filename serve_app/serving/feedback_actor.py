"""Feedback of a whole fleet in one actor: any ingress replica may take the score of any answer.

Replicas exchange with it in the background. Only `POST /v1/feedback` waits for it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from ray import serve
from ray.exceptions import RayError
from ray.serve.deployment import Application
from ray.serve.exceptions import RayServeException

from serve_app.core.errors import FeedbackUnavailable
from serve_app.feedback.collector import EXCHANGE_EVERY_S
from serve_app.feedback.score_store import (
    FeedbackUpdate,
    InMemoryScoreStore,
    Score,
    ScoreReceipt,
    ServedAnswer,
)
from serve_app.serving.handles import Handle
from serve_app.settings import FeedbackSettings

T = TypeVar("T")

TIMEOUT_S = 5.0
RETRY_AFTER_S = 1.0


class FeedbackActor:
    """Delegates everything to the store it holds."""

    def __init__(self, settings: FeedbackSettings) -> None:
        self._store = InMemoryScoreStore(settings, time.monotonic)

    async def exchange(
        self, replica: str, served: Sequence[ServedAnswer], known: FeedbackUpdate
    ) -> FeedbackUpdate:
        return await self._store.exchange(replica, served, known)

    async def take(self, score: Score, served: ServedAnswer | None) -> ScoreReceipt:
        return await self._store.take(score, served)


def build_feedback_actor(settings: FeedbackSettings) -> Application:
    """The Serve application node of the actor."""
    deployment = serve.deployment(
        name="FeedbackActor",
        num_replicas=1,
        max_ongoing_requests=1024,
        ray_actor_options={"num_cpus": 0},
    )(FeedbackActor)
    return deployment.bind(settings)


class RayScoreStore:
    """A `ScoreStore`: the actor behind its handle."""

    def __init__(
        self, handle: Handle, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._handle = handle
        self._sleep = sleep

    async def exchange(
        self, replica: str, served: Sequence[ServedAnswer], known: FeedbackUpdate
    ) -> FeedbackUpdate:
        update: FeedbackUpdate = await _in_time(
            self._handle.exchange.remote(replica, served, known)
        )
        return update

    async def take(self, score: Score, served: ServedAnswer | None) -> ScoreReceipt:
        receipt: ScoreReceipt = await _in_time(self._handle.take.remote(score, served))
        if receipt.status != "unknown":
            return receipt
        # Another replica may have answered a moment ago, and not yet sent that.
        await self._sleep(2 * EXCHANGE_EVERY_S)
        second: ScoreReceipt = await _in_time(self._handle.take.remote(score, served))
        return second


async def _in_time(response: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await response
    except (RayError, RayServeException, TimeoutError) as exc:
        raise FeedbackUnavailable(type(exc).__name__, RETRY_AFTER_S) from exc
