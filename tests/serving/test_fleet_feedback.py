"""Ingress replicas share feedback through the fleet actor."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest
from ray import serve
from ray.exceptions import RayActorError

from serve_app.core.errors import FeedbackUnavailable
from serve_app.feedback.collector import EXCHANGE_EVERY_S
from serve_app.feedback.score_store import (
    FeedbackUpdate,
    InMemoryScoreStore,
    Score,
    ScoreReceipt,
    ServedAnswer,
)
from serve_app.serving.fleet_actor import RayScoreStore, build_fleet_actor
from serve_app.settings import FeedbackSettings
from serve_app.testing import ManualClock
from tests.builders import a_catalog, a_profile, an_accuracy
from tests.gateways import a_request, gateway_under_test, whole

BAD = Score(decision="d1", source="caller", score=0.0)
SERVED = ServedAnswer(decision="d1", pair="cheap", task="code", measured="2026-01-01", replica="a")
CATALOG = a_catalog(
    a_profile("cheap", accuracy={"conversation": an_accuracy(0.8, items=20)}, usd_per_hour=0.1),
    a_profile("dear", usd_per_hour=1.0),
)


class DirectHandle:
    """A handle whose methods are those of `store`, or fail with `error`."""

    def __init__(self, store: InMemoryScoreStore, error: Exception | None = None) -> None:
        self._store = store
        self._error = error

    @property
    def take_score(self) -> DirectHandle:
        return self

    exchange_scores = take_score

    def remote(self, *arguments: Any) -> DirectHandle:
        self._arguments = arguments
        return self

    def __await__(self) -> Generator[Any, None, FeedbackUpdate | ScoreReceipt]:
        if self._error is not None:
            raise self._error
        return self._store.take(*self._arguments).__await__()


def a_store() -> InMemoryScoreStore:
    return InMemoryScoreStore(FeedbackSettings(), ManualClock().now)


async def test_two_replicas_share_one_actor_and_decide_by_what_either_was_told() -> None:
    app = build_fleet_actor({}, FeedbackSettings())
    handle: Any = serve.run(app, name="feedback", _local_testing_mode=True)
    one = gateway_under_test(catalog=CATALOG, store=RayScoreStore(handle))
    other = gateway_under_test(catalog=CATALOG, store=RayScoreStore(handle))
    await whole(one, a_request())
    await one.feedback.exchange()

    receipt = await other.feedback.take("decision-1", 0.0)
    await one.feedback.exchange()
    await other.feedback.exchange()

    assert receipt.status == "counted"
    for under_test in (one, other):
        (estimate,) = under_test.feedback.estimates()
        assert (estimate.pair, estimate.callers) == ("cheap", 1)
        assert estimate.mean < 0.8


async def test_an_answer_that_its_replica_has_not_told_yet_is_waited_for_once() -> None:
    store = a_store()
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        await store.exchange("a", [SERVED], FeedbackUpdate())

    handle: Any = DirectHandle(store)
    receipt = await RayScoreStore(handle, sleep).take(BAD, None)

    assert receipt.status == "counted"
    assert len(waited) == 1
    assert waited[0] >= EXCHANGE_EVERY_S


async def test_an_answer_that_nobody_tells_of_stays_unknown() -> None:
    async def sleep(_: float) -> None:
        """Nothing happens meanwhile."""

    handle: Any = DirectHandle(a_store())

    assert (await RayScoreStore(handle, sleep).take(BAD, None)).status == "unknown"


@pytest.mark.parametrize("error", [RayActorError(), TimeoutError()])
async def test_an_actor_that_died_or_is_slow_is_unavailable(error: Exception) -> None:
    handle: Any = DirectHandle(a_store(), error)

    with pytest.raises(FeedbackUnavailable, match=type(error).__name__):
        await RayScoreStore(handle).take(BAD, SERVED)
    with pytest.raises(FeedbackUnavailable):
        await RayScoreStore(handle).exchange("a", [], FeedbackUpdate())
