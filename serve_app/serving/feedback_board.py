"""Feedback of a whole fleet in one place: any ingress replica accepts scores for any answer.

Replicas push what they served and pull all tallies in the background; only `POST /v1/feedback`
itself waits for the board.
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
from serve_app.core.feedback import Given, News, Receipt, Served
from serve_app.feedback.collector import EXCHANGE_EVERY_S
from serve_app.feedback.score_store import MemoryDesk
from serve_app.feedback.settings import DeskSettings
from serve_app.serving.handles import Handle

T = TypeVar("T")

TIMEOUT_S = 5.0
RETRY_AFTER_S = 1.0


class FeedbackBoard:
    """Delegates everything to the desk it holds."""

    def __init__(self, settings: DeskSettings) -> None:
        self._desk = MemoryDesk(settings, time.monotonic)

    async def exchange(self, replica: str, served: Sequence[Served], known: News) -> News:
        return await self._desk.exchange(replica, served, known)

    async def take(self, given: Given, served: Served | None) -> Receipt:
        return await self._desk.take(given, served)


def build_feedback_board(settings: DeskSettings) -> Application:
    """The Serve application node of the board."""
    deployment = serve.deployment(
        name="FeedbackBoard",
        num_replicas=1,
        max_ongoing_requests=1024,
        ray_actor_options={"num_cpus": 0},
    )(FeedbackBoard)
    return deployment.bind(settings)


class HandleDesk:
    """The board behind its handle, as the `FeedbackDesk` that the services know."""

    def __init__(
        self, handle: Handle, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._handle = handle
        self._sleep = sleep

    async def exchange(self, replica: str, served: Sequence[Served], known: News) -> News:
        news: News = await _in_time(self._handle.exchange.remote(replica, served, known))
        return news

    async def take(self, given: Given, served: Served | None) -> Receipt:
        receipt: Receipt = await _in_time(self._handle.take.remote(given, served))
        if receipt.taken_as != "unknown":
            return receipt
        # Another replica may have answered a moment ago, and not reported it yet.
        await self._sleep(2 * EXCHANGE_EVERY_S)
        second: Receipt = await _in_time(self._handle.take.remote(given, served))
        return second


async def _in_time(response: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await response
    except (RayError, RayServeException, TimeoutError) as exc:
        raise FeedbackUnavailable(type(exc).__name__, RETRY_AFTER_S) from exc
