"""A store that is away, dies or hangs loses nothing that a replica can keep for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from serve_app.core.errors import FeedbackUnavailable
from serve_app.feedback.collector import MAX_SERVED_PER_EXCHANGE
from serve_app.feedback.score_store import (
    FeedbackUpdate,
    InMemoryScoreStore,
    Score,
    ScoreReceipt,
    ServedAnswer,
)
from serve_app.settings import FeedbackSettings
from serve_app.testing import ManualClock
from tests.feedback.score_stores import CATALOG, AwayStore, MemoryLog, a_store, chosen, scored
from tests.gateways import a_request, gateway_under_test, whole


async def test_requests_are_answered_while_the_store_is_away_and_told_when_it_is_back() -> None:
    store = AwayStore(a_store())
    under_test = gateway_under_test(store=store)

    async def sleep(_: float) -> None:
        if store.store is not None:
            raise asyncio.CancelledError
        store.come_back()

    await whole(under_test, a_request())
    with pytest.raises(FeedbackUnavailable, match="retry after 1 s"):
        await under_test.feedback.take("decision-1", 1.0)
    with pytest.raises(asyncio.CancelledError):
        await under_test.feedback.run(sleep)

    other = gateway_under_test(store=store)
    assert (await other.feedback.take("decision-1", 1.0)).status == "counted"


class MortalStore:
    """A store that can die; another one then begins anew in its place."""

    def __init__(self) -> None:
        self._store = a_store()

    def die(self) -> None:
        self._store = a_store()

    async def exchange(
        self, replica: str, served: Sequence[ServedAnswer], known: FeedbackUpdate
    ) -> FeedbackUpdate:
        return await self._store.exchange(replica, served, known)

    async def take(self, given: Score, served: ServedAnswer | None) -> ScoreReceipt:
        return await self._store.take(given, served)


async def test_an_answer_from_before_the_store_died_can_be_scored_at_any_replica() -> None:
    store = MortalStore()
    one, other = gateway_under_test(store=store), gateway_under_test(store=store)
    await whole(one, a_request())
    await one.feedback.exchange()

    store.die()
    await one.feedback.exchange()
    await one.feedback.exchange()

    assert (await other.feedback.take("decision-1", 1.0)).status == "counted"


async def test_a_score_from_before_the_store_died_is_not_counted_a_second_time() -> None:
    store = MortalStore()
    under_test = gateway_under_test(catalog=CATALOG, store=store)
    await scored(under_test, 0.0)
    await under_test.feedback.exchange()

    store.die()
    await under_test.feedback.exchange()
    again = await under_test.feedback.take("decision-1", 0.0)
    await under_test.feedback.exchange()

    assert again.status == "repeated"
    assert [estimate.callers for estimate in under_test.feedback.estimates()] == [1]


async def test_estimates_survive_the_store_although_new_scores_reach_the_next_one_first() -> None:
    store = MortalStore()
    under_test = gateway_under_test(catalog=CATALOG, store=store)
    await scored(under_test, 0.0, times=10)
    await under_test.feedback.exchange()

    store.die()
    await scored(under_test, 0.0)
    await under_test.feedback.exchange()

    assert [estimate.callers for estimate in under_test.feedback.estimates()] == [11]
    assert await chosen(under_test) == "dear"


async def test_what_was_served_in_a_long_outage_is_told_in_parts() -> None:
    class CountingStore(InMemoryScoreStore):
        def __init__(self) -> None:
            super().__init__(FeedbackSettings(), ManualClock().now)
            self.told: list[int] = []

        async def exchange(
            self, replica: str, served: Sequence[ServedAnswer], known: FeedbackUpdate
        ) -> FeedbackUpdate:
            self.told.append(len(served))
            return await super().exchange(replica, served, known)

    store = CountingStore()
    under_test = gateway_under_test(store=store)
    for _ in range(MAX_SERVED_PER_EXCHANGE + 1):
        await whole(under_test, a_request())

    await under_test.feedback.exchange()
    await under_test.feedback.exchange()

    assert store.told == [MAX_SERVED_PER_EXCHANGE, 1]


async def test_a_replica_that_is_shut_down_tells_first_what_it_served_and_logs_what_it_hears() -> (
    None
):
    store, log = a_store(), MemoryLog()
    under_test = gateway_under_test(store=store, graded_log=log)
    exchanged = asyncio.Event()

    async def sleep(_: float) -> None:
        exchanged.set()
        await asyncio.Event().wait()

    running = asyncio.ensure_future(under_test.feedback.run(sleep))
    await exchanged.wait()
    await scored(under_test, 0.5)
    await whole(under_test, a_request())
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert [score.score for score, _ in log.written] == [0.5]
    other = gateway_under_test(store=store)
    assert (await other.feedback.take("decision-2", 1.0)).status == "counted"


async def test_a_replica_is_shut_down_in_time_although_the_store_hangs() -> None:
    class HangingStore(InMemoryScoreStore):
        async def exchange(
            self, replica: str, served: Sequence[ServedAnswer], known: FeedbackUpdate
        ) -> FeedbackUpdate:
            entered.set()
            await asyncio.Event().wait()
            raise AssertionError

    entered = asyncio.Event()
    under_test = gateway_under_test(store=HangingStore(FeedbackSettings(), ManualClock().now))
    running = asyncio.ensure_future(under_test.feedback.run(last_exchange_s=0.01))
    await entered.wait()

    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running


async def test_an_answer_served_while_a_full_memory_is_told_is_told_later() -> None:
    class BusyStore(InMemoryScoreStore):
        """Serves requests while it is told of the first one."""

        async def exchange(
            self, replica: str, served: Sequence[ServedAnswer], known: FeedbackUpdate
        ) -> FeedbackUpdate:
            if [one.decision for one in served] == ["decision-1", "decision-2"]:
                await whole(under_test, a_request())
            return await super().exchange(replica, served, known)

    remember_two = FeedbackSettings(retention_count=2)
    store = BusyStore(remember_two, ManualClock().now)
    under_test = gateway_under_test(store=store, feedback=remember_two)
    await whole(under_test, a_request())
    await whole(under_test, a_request())

    await under_test.feedback.exchange()
    await under_test.feedback.exchange()

    other = gateway_under_test(store=store)
    assert (await other.feedback.take("decision-3", 1.0)).status == "counted"


async def test_a_store_that_stays_away_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    under_test, turns = gateway_under_test(store=AwayStore(a_store())), iter(range(3))

    async def sleep(_: float) -> None:
        if next(turns, None) is None:
            raise asyncio.CancelledError

    with caplog.at_level("WARNING"), pytest.raises(asyncio.CancelledError):
        await under_test.feedback.run(sleep)

    assert caplog.text.count("the feedback actor did not answer (Away)") == 1
