"""Whatever hangs or fails behind feedback and grading, answers come as they always do."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from serve_app.core.errors import EngineFailed, FeedbackUnavailable
from serve_app.core.events import Answered, ShadowEnded
from serve_app.feedback.graded_log import AnsweredRequest
from serve_app.feedback.score_store import (
    FeedbackUpdate,
    InMemoryScoreStore,
    Score,
    ScoreReceipt,
    ServedAnswer,
)
from serve_app.settings import FeedbackSettings, ShadowSettings
from serve_app.testing import ManualClock, Script
from tests.gateways import GatewayUnderTest, a_request, gateway_under_test, whole

GRADED = FeedbackSettings(shadow=ShadowSettings(share=1.0))


class HangingStore(InMemoryScoreStore):
    """Never comes back from anything."""

    def __init__(self) -> None:
        super().__init__(FeedbackSettings(), ManualClock().now)
        self.entered = asyncio.Event()

    async def exchange(
        self, replica: str, served: Sequence[ServedAnswer], known: FeedbackUpdate
    ) -> FeedbackUpdate:
        self.entered.set()
        await asyncio.Event().wait()
        return await super().exchange(replica, served, known)

    async def take(self, given: Score, served: ServedAnswer | None) -> ScoreReceipt:
        self.entered.set()
        await asyncio.Event().wait()
        return await super().take(given, served)


class FailingStore(InMemoryScoreStore):
    async def exchange(
        self, replica: str, served: Sequence[ServedAnswer], known: FeedbackUpdate
    ) -> FeedbackUpdate:
        raise FeedbackUnavailable("RayActorError", 1.0)

    async def take(self, given: Score, served: ServedAnswer | None) -> ScoreReceipt:
        raise FeedbackUnavailable("RayActorError", 1.0)


class HangingLog:
    """Blocks its thread, as a file on a disk that is gone does."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.let_go = threading.Event()
        self.written = 0

    def write(self, requests: Sequence[tuple[Score, AnsweredRequest]]) -> None:
        self.entered.set()
        self.let_go.wait()
        self.written += len(requests)

    def close(self) -> None:
        """Nothing is open."""


@asynccontextmanager
async def working(under_test: GatewayUnderTest) -> AsyncIterator[None]:
    """With all that runs in the background of a gateway, which ends with the block."""
    jobs = [asyncio.ensure_future(job) for job in under_test.background()]
    await under_test.clock.advance(360)
    try:
        yield
    finally:
        for job in jobs:
            job.cancel()
        ends = await asyncio.gather(*jobs, return_exceptions=True)
        assert [type(end) for end in ends] == [asyncio.CancelledError] * len(jobs)


async def answered(under_test: GatewayUnderTest, *, stream: bool) -> None:
    """One answer to its end."""
    if stream:
        async with under_test.gateway.answer(a_request(stream=True)) as answer:
            assert [text async for text in answer.chunks()]
    else:
        await whole(under_test, a_request())
    assert under_test.events.of(Answered)[-1].outcome == "ok"


async def forever(_: int) -> None:
    await asyncio.Event().wait()


streamed_or_not = pytest.mark.parametrize("stream", [True, False])


@streamed_or_not
async def test_a_store_that_hangs_in_every_exchange_and_grading_delays_no_answer(
    stream: bool,
) -> None:
    store = HangingStore()
    under_test = gateway_under_test(store=store, feedback=GRADED)
    running = [asyncio.ensure_future(job) for job in under_test.background()]
    await store.entered.wait()

    for _ in range(3):
        await answered(under_test, stream=stream)

    for job in running:
        job.cancel()


@streamed_or_not
async def test_a_store_that_fails_fails_no_answer(stream: bool) -> None:
    under_test = gateway_under_test(
        store=FailingStore(FeedbackSettings(), ManualClock().now), feedback=GRADED
    )

    async with working(under_test):
        for number in range(3):
            await answered(under_test, stream=stream)
            ended = await under_test.events.wait_for(ShadowEnded, count=number + 1)
            assert ended.outcome == "failed"


@streamed_or_not
async def test_a_log_that_hangs_delays_no_answer_and_keeps_no_score_from_counting(
    stream: bool,
) -> None:
    log = HangingLog()
    under_test = gateway_under_test(graded_log=log)
    feedback = under_test.feedback
    await answered(under_test, stream=stream)
    await feedback.take("decision-1", 1.0)
    await feedback.exchange()
    await asyncio.to_thread(log.entered.wait)

    for number in range(2, 5):
        await answered(under_test, stream=stream)
        await feedback.take(f"decision-{number}", 1.0)
        await feedback.exchange()

    assert [estimate.callers for estimate in feedback.estimates()] == [4]
    assert log.written == 0
    log.let_go.set()
    await feedback.logged()
    assert log.written == 4


@streamed_or_not
async def test_a_reference_that_hangs_delays_no_answer_and_the_rest_is_dropped_and_counted(
    stream: bool,
) -> None:
    under_test = gateway_under_test({"dear": Script(before_token=forever)}, feedback=GRADED)

    async with working(under_test):
        for _ in range(5):
            await answered(under_test, stream=stream)

        assert {ended.outcome for ended in under_test.events.of(ShadowEnded)} == {"full"}
        assert under_test.load.own_in_flight()["cheap"] == 0
    assert under_test.engine.open == 0


@streamed_or_not
async def test_a_reference_that_fails_fails_no_answer(stream: bool) -> None:
    under_test = gateway_under_test(
        {"dear": Script(error=EngineFailed("dear", "oom"))}, feedback=GRADED
    )

    async with working(under_test):
        for number in range(3):
            await answered(under_test, stream=stream)
            ended = await under_test.events.wait_for(ShadowEnded, count=number + 1)
            assert ended.outcome == "failed"


@pytest.mark.parametrize("reference", ["\\", '{"a": ' + "[" * 3000, "[" * 900 + "]" * 900])
async def test_an_answer_made_to_break_the_grader_ends_no_background_work(reference: str) -> None:
    under_test = gateway_under_test({"dear": Script(tokens=(reference,))}, feedback=GRADED)

    async with working(under_test):
        await answered(under_test, stream=False)
        await under_test.events.wait_for(ShadowEnded)
        await answered(under_test, stream=False)
        await under_test.events.wait_for(ShadowEnded, count=2)
