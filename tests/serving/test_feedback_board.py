"""Ingress replicas share feedback through the board's deployment."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest
from ray import serve
from ray.exceptions import RayActorError

from serve_app.core.errors import FeedbackUnavailable
from serve_app.core.feedback import Given, News, Receipt, Served
from serve_app.feedback.collector import EXCHANGE_EVERY_S
from serve_app.feedback.score_store import MemoryDesk
from serve_app.feedback.settings import DeskSettings
from serve_app.serving.feedback_board import HandleDesk, build_feedback_board
from serve_app.testing import ManualClock
from tests.builders import a_catalog, a_profile, an_accuracy
from tests.gateways import a_house, an_inbound, whole

BAD = Given(decision="d1", source="caller", score=0.0)
SERVED = Served(decision="d1", pair="cheap", task="code", measured="2026-01-01", replica="a")
CATALOG = a_catalog(
    a_profile("cheap", accuracy={"conversation": an_accuracy(0.8, items=20)}, usd_per_hour=0.1),
    a_profile("dear", usd_per_hour=1.0),
)


class DirectHandle:
    """A handle whose methods are those of `desk`, or fail with `error`."""

    def __init__(self, desk: MemoryDesk, error: Exception | None = None) -> None:
        self._desk = desk
        self._error = error

    @property
    def take(self) -> DirectHandle:
        return self

    exchange = take

    def remote(self, *arguments: Any) -> DirectHandle:
        self._arguments = arguments
        return self

    def __await__(self) -> Generator[Any, None, News | Receipt]:
        if self._error is not None:
            raise self._error
        return self._desk.take(*self._arguments).__await__()


def a_desk() -> MemoryDesk:
    return MemoryDesk(DeskSettings(), ManualClock().now)


async def test_two_replicas_share_one_board_and_decide_by_what_either_was_told() -> None:
    app = build_feedback_board(DeskSettings())
    handle: Any = serve.run(app, name="feedback", _local_testing_mode=True)
    one = a_house(catalog=CATALOG, desk=HandleDesk(handle))
    other = a_house(catalog=CATALOG, desk=HandleDesk(handle))
    await whole(one, an_inbound())
    await one.gateway.feedback.exchange()

    receipt = await other.gateway.feedback.take("decision-1", 0.0)
    await one.gateway.feedback.exchange()
    await other.gateway.feedback.exchange()

    assert receipt.taken_as == "counted"
    for house in (one, other):
        (belief,) = house.gateway.feedback.beliefs()
        assert (belief.pair, belief.callers) == ("cheap", 1)
        assert belief.mean < 0.8


async def test_an_answer_that_its_replica_has_not_told_yet_is_waited_for_once() -> None:
    desk = a_desk()
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        await desk.exchange("a", [SERVED], News())

    handle: Any = DirectHandle(desk)
    receipt = await HandleDesk(handle, sleep).take(BAD, None)

    assert receipt.taken_as == "counted"
    assert len(waited) == 1
    assert waited[0] >= EXCHANGE_EVERY_S


async def test_an_answer_that_nobody_tells_of_stays_unknown() -> None:
    async def sleep(_: float) -> None:
        """Nothing happens meanwhile."""

    handle: Any = DirectHandle(a_desk())

    assert (await HandleDesk(handle, sleep).take(BAD, None)).taken_as == "unknown"


@pytest.mark.parametrize("error", [RayActorError(), TimeoutError()])
async def test_a_board_that_died_or_is_slow_is_unavailable(error: Exception) -> None:
    handle: Any = DirectHandle(a_desk(), error)

    with pytest.raises(FeedbackUnavailable, match=type(error).__name__):
        await HandleDesk(handle).take(BAD, SERVED)
    with pytest.raises(FeedbackUnavailable):
        await HandleDesk(handle).exchange("a", [], News())
