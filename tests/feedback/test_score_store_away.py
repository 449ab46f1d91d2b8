"""A desk that is away, dies or hangs loses nothing that a replica can keep for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from serve_app.core.errors import FeedbackUnavailable
from serve_app.core.feedback import Given, News, Receipt, Served
from serve_app.feedback.collector import TOLD_AT_ONCE
from serve_app.feedback.score_store import MemoryDesk
from serve_app.feedback.settings import DeskSettings
from serve_app.testing import ManualClock
from tests.feedback.desks import CATALOG, AwayDesk, MemoryLog, a_desk, chosen, scored
from tests.gateways import SETTINGS, a_house, an_inbound, whole


async def test_requests_are_answered_while_the_desk_is_away_and_told_when_it_is_back() -> None:
    desk = AwayDesk(a_desk())
    house = a_house(desk=desk)

    async def sleep(_: float) -> None:
        if desk.desk is not None:
            raise asyncio.CancelledError
        desk.come_back()

    await whole(house, an_inbound())
    with pytest.raises(FeedbackUnavailable, match="retry after 1 s"):
        await house.gateway.feedback.take("decision-1", 1.0)
    with pytest.raises(asyncio.CancelledError):
        await house.gateway.feedback.run(sleep)

    other = a_house(desk=desk)
    assert (await other.gateway.feedback.take("decision-1", 1.0)).taken_as == "counted"


class MortalDesk:
    """A desk that can die; another one then begins anew in its place."""

    def __init__(self) -> None:
        self._desk = a_desk()

    def die(self) -> None:
        self._desk = a_desk()

    async def exchange(self, replica: str, served: Sequence[Served], known: News) -> News:
        return await self._desk.exchange(replica, served, known)

    async def take(self, given: Given, served: Served | None) -> Receipt:
        return await self._desk.take(given, served)


async def test_an_answer_from_before_the_desk_died_can_be_scored_at_any_replica() -> None:
    desk = MortalDesk()
    one, other = a_house(desk=desk), a_house(desk=desk)
    await whole(one, an_inbound())
    await one.gateway.feedback.exchange()

    desk.die()
    await one.gateway.feedback.exchange()
    await one.gateway.feedback.exchange()

    assert (await other.gateway.feedback.take("decision-1", 1.0)).taken_as == "counted"


async def test_a_score_from_before_the_desk_died_is_not_counted_a_second_time() -> None:
    desk = MortalDesk()
    house = a_house(catalog=CATALOG, desk=desk)
    await scored(house, 0.0)
    await house.gateway.feedback.exchange()

    desk.die()
    await house.gateway.feedback.exchange()
    again = await house.gateway.feedback.take("decision-1", 0.0)
    await house.gateway.feedback.exchange()

    assert again.taken_as == "repeated"
    assert [belief.callers for belief in house.gateway.feedback.beliefs()] == [1]


async def test_beliefs_survive_the_desk_although_new_scores_reach_the_next_one_first() -> None:
    desk = MortalDesk()
    house = a_house(catalog=CATALOG, desk=desk)
    await scored(house, 0.0, times=10)
    await house.gateway.feedback.exchange()

    desk.die()
    await scored(house, 0.0)
    await house.gateway.feedback.exchange()

    assert [belief.callers for belief in house.gateway.feedback.beliefs()] == [11]
    assert await chosen(house) == "dear"


async def test_what_was_served_in_a_long_outage_is_told_in_parts() -> None:
    class CountingDesk(MemoryDesk):
        def __init__(self) -> None:
            super().__init__(DeskSettings(), ManualClock().now)
            self.told: list[int] = []

        async def exchange(self, replica: str, served: Sequence[Served], known: News) -> News:
            self.told.append(len(served))
            return await super().exchange(replica, served, known)

    desk = CountingDesk()
    house = a_house(desk=desk)
    for _ in range(TOLD_AT_ONCE + 1):
        await whole(house, an_inbound())

    await house.gateway.feedback.exchange()
    await house.gateway.feedback.exchange()

    assert desk.told == [TOLD_AT_ONCE, 1]


async def test_a_replica_that_is_shut_down_tells_first_what_it_served_and_logs_what_it_hears() -> (
    None
):
    desk, log = a_desk(), MemoryLog()
    house = a_house(desk=desk, graded_log=log)
    exchanged = asyncio.Event()

    async def sleep(_: float) -> None:
        exchanged.set()
        await asyncio.Event().wait()

    running = asyncio.ensure_future(house.gateway.feedback.run(sleep))
    await exchanged.wait()
    await scored(house, 0.5)
    await whole(house, an_inbound())
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert [graded.given.score for graded in log.written] == [0.5]
    other = a_house(desk=desk)
    assert (await other.gateway.feedback.take("decision-2", 1.0)).taken_as == "counted"


async def test_a_replica_is_shut_down_in_time_although_the_desk_hangs() -> None:
    class HangingDesk(MemoryDesk):
        async def exchange(self, replica: str, served: Sequence[Served], known: News) -> News:
            entered.set()
            await asyncio.Event().wait()
            raise AssertionError

    entered = asyncio.Event()
    house = a_house(desk=HangingDesk(DeskSettings(), ManualClock().now))
    running = asyncio.ensure_future(house.gateway.feedback.run(last_exchange_s=0.01))
    await entered.wait()

    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running


async def test_an_answer_served_while_a_full_memory_is_told_is_told_later() -> None:
    class BusyDesk(MemoryDesk):
        """Serves requests while it is told of the first one."""

        async def exchange(self, replica: str, served: Sequence[Served], known: News) -> News:
            if [one.decision for one in served] == ["decision-1", "decision-2"]:
                await whole(house, an_inbound())
            return await super().exchange(replica, served, known)

    remember_two = DeskSettings(remember=2)
    desk = BusyDesk(remember_two, ManualClock().now)
    feedback = replace(SETTINGS.feedback, desk=remember_two)
    house = a_house(desk=desk, settings=replace(SETTINGS, feedback=feedback))
    await whole(house, an_inbound())
    await whole(house, an_inbound())

    await house.gateway.feedback.exchange()
    await house.gateway.feedback.exchange()

    other = a_house(desk=desk)
    assert (await other.gateway.feedback.take("decision-3", 1.0)).taken_as == "counted"


async def test_a_desk_that_stays_away_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    house, turns = a_house(desk=AwayDesk(a_desk())), iter(range(3))

    async def sleep(_: float) -> None:
        if next(turns, None) is None:
            raise asyncio.CancelledError

    with caplog.at_level("WARNING"), pytest.raises(asyncio.CancelledError):
        await house.gateway.feedback.run(sleep)

    assert caplog.text.count("the feedback board did not answer (Away)") == 1
