"""Scores move later decisions of every replica, and no answered request waits for that."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from serve_app.core.errors import FeedbackConflict, FeedbackUnavailable, UnknownDecision
from serve_app.core.events import BeliefsChanged, FeedbackRefused, FeedbackTaken
from serve_app.core.feedback import Given, GradedRequest, News, Receipt, Served
from serve_app.core.profile import Provenance
from serve_app.core.request import Constraints, Prompt
from serve_app.service.feedback import TOLD_AT_ONCE
from serve_app.service.feedback_desk import MemoryDesk
from serve_app.service.feedback_settings import DeskSettings, FeedbackRules
from serve_app.testing import ManualClock
from tests.builders import a_catalog, a_profile, an_accuracy
from tests.gateways import SETTINGS, House, a_house, an_inbound, whole

FLOOR = Constraints(min_accuracy=0.7)
CATALOG = a_catalog(
    a_profile(
        "cheap", accuracy={"conversation": an_accuracy(0.8, lower=0.75, items=20)}, usd_per_hour=0.1
    ),
    a_profile("dear", accuracy=0.9, usd_per_hour=1.0),
)
DAY_S = 24 * 3600.0


class AwayDesk:
    """A desk that can be called back."""

    def __init__(self, desk: MemoryDesk) -> None:
        self.desk: MemoryDesk | None = None
        self._behind = desk

    def come_back(self) -> None:
        self.desk = self._behind

    async def exchange(self, replica: str, served: Sequence[Served], known: News) -> News:
        return await self._here().exchange(replica, served, known)

    async def take(self, given: Given, served: Served | None) -> Receipt:
        return await self._here().take(given, served)

    def _here(self) -> MemoryDesk:
        if self.desk is None:
            raise FeedbackUnavailable("Away", 1.0)
        return self.desk


class MemoryLog:
    def __init__(self) -> None:
        self.written: list[GradedRequest] = []

    def write(self, requests: Sequence[GradedRequest]) -> None:
        self.written += requests

    def close(self) -> None:
        """Nothing is open."""


def a_desk(clock: ManualClock | None = None) -> MemoryDesk:
    return MemoryDesk(DeskSettings(), (clock or ManualClock()).now)


async def chosen(house: House) -> str | None:
    routing = await house.gateway.explain(an_inbound(constraints=FLOOR))
    return routing.decision.chosen


async def scored(house: House, score: float, *, times: int = 1) -> None:
    """Answers by whoever is chosen without a floor, which is `cheap`, and their scores."""
    for _ in range(times):
        await whole(house, an_inbound())
        decision = house.gateway.recent_decisions()[0]
        await house.gateway.feedback.take(decision.id, score)


async def test_bad_scores_send_the_next_request_elsewhere_and_it_says_so() -> None:
    house = a_house(catalog=CATALOG)
    assert await chosen(house) == "cheap"

    await scored(house, 0.0, times=10)
    await house.gateway.feedback.exchange()

    decision = (await house.gateway.explain(an_inbound(constraints=FLOOR))).decision
    assert decision.chosen == "dear"
    assert decision.rejected[0].got.endswith("by feedback")


async def test_good_scores_let_a_pair_above_a_floor_it_did_not_reach() -> None:
    cautious = a_profile("cheap", accuracy=0.8, lower=0.69, usd_per_hour=0.1)
    house = a_house(catalog=a_catalog(cautious, CATALOG.profiles["dear"]))
    assert await chosen(house) == "dear"

    await scored(house, 1.0, times=80)
    await house.gateway.feedback.exchange()

    assert await chosen(house) == "cheap"


async def test_a_score_taken_by_one_replica_moves_the_decisions_of_another() -> None:
    desk = a_desk()
    one, other = a_house(catalog=CATALOG, desk=desk), a_house(catalog=CATALOG, desk=desk)

    await scored(one, 0.0, times=10)
    assert await chosen(other) == "cheap"
    await other.gateway.feedback.exchange()

    assert await chosen(other) == "dear"


async def test_a_replica_takes_the_score_of_an_answer_that_another_one_gave() -> None:
    desk = a_desk()
    one, other = a_house(desk=desk), a_house(desk=desk)
    await whole(one, an_inbound())
    await one.gateway.feedback.exchange()

    receipt = await other.gateway.feedback.take("decision-1", 0.5)

    assert receipt.served is not None
    assert (receipt.taken_as, receipt.served.pair) == ("counted", "cheap")
    assert other.events.of(FeedbackTaken) == [
        FeedbackTaken(pair="cheap", source="caller", score=0.5)
    ]


async def test_without_scores_the_very_catalog_that_was_published_is_used() -> None:
    house = a_house(catalog=CATALOG)
    await whole(house, an_inbound())
    await house.gateway.feedback.exchange()

    assert house.gateway.feedback.catalogs.current is CATALOG
    assert house.events.of(BeliefsChanged) == []


async def test_a_snapshot_is_made_when_scores_come_and_not_at_every_exchange() -> None:
    house = a_house(catalog=CATALOG)
    await scored(house, 0.0)
    await house.gateway.feedback.exchange()
    moved = house.gateway.feedback.catalogs.current

    await house.gateway.feedback.exchange()

    assert house.gateway.feedback.catalogs.current is moved
    assert len(house.events.of(BeliefsChanged)) == 1


async def test_feedback_fades_until_the_profile_stands_again() -> None:
    house = a_house(catalog=CATALOG)
    await scored(house, 0.0, times=10)
    await house.gateway.feedback.exchange()

    await house.clock.advance(300 * DAY_S)
    await house.gateway.feedback.exchange()

    assert await chosen(house) == "cheap"
    assert house.gateway.feedback.beliefs() == ()
    assert house.events.of(BeliefsChanged)[-1].beliefs == ()


async def test_a_pair_measured_anew_is_judged_by_what_was_measured_at_once() -> None:
    house = a_house(catalog=CATALOG)
    await scored(house, 0.0, times=10)
    await house.gateway.feedback.exchange()

    cheap = CATALOG.profiles["cheap"]
    later = replace(cheap, provenance=Provenance(origin="measured", date="2026-02-02"))
    house.catalogs.current = a_catalog(later, CATALOG.profiles["dear"], version="v2")

    assert await chosen(house) == "cheap"


async def test_a_publication_that_leaves_a_pair_as_it_was_leaves_its_feedback() -> None:
    house = a_house(catalog=CATALOG)
    await scored(house, 0.0, times=10)
    await house.gateway.feedback.exchange()

    house.catalogs.current = replace(CATALOG, version="v2")

    assert await chosen(house) == "dear"


async def test_a_decision_that_was_only_explained_cannot_be_scored() -> None:
    house = a_house()
    routing = await house.gateway.explain(an_inbound())

    with pytest.raises(UnknownDecision, match=r"20000 answered requests of 24 hours"):
        await house.gateway.feedback.take(routing.decision.id, 1.0)
    assert [refused.reason for refused in house.events.of(FeedbackRefused)] == ["unknown"]


async def test_an_answer_too_long_ago_cannot_be_scored() -> None:
    house = a_house()
    await whole(house, an_inbound())
    await house.clock.advance(DAY_S + 1)

    with pytest.raises(UnknownDecision):
        await house.gateway.feedback.take("decision-1", 1.0)


async def test_another_score_for_the_same_answer_is_refused_with_both_scores_named() -> None:
    house = a_house()
    await whole(house, an_inbound())
    await house.gateway.feedback.take("decision-1", 1.0)

    with pytest.raises(FeedbackConflict, match=r"has the score 1 already and cannot take 0"):
        await house.gateway.feedback.take("decision-1", 0.0)
    assert len(house.events.of(FeedbackTaken)) == 1


async def test_an_answer_that_its_caller_broke_off_can_be_scored() -> None:
    house = a_house()
    with pytest.raises(asyncio.CancelledError):
        async with house.gateway.answer(an_inbound()):
            raise asyncio.CancelledError

    receipt = await house.gateway.feedback.take("decision-1", 0.0)

    assert receipt.taken_as == "counted"


async def test_an_answer_of_the_static_fallback_is_scored_without_moving_anything() -> None:
    house = a_house(catalog=None)
    await whole(house, an_inbound())

    receipt = await house.gateway.feedback.take("decision-1", 0.0)

    assert (receipt.taken_as, receipt.weight) == ("counted", 0.0)


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


async def test_an_answer_can_be_scored_while_it_is_still_streamed() -> None:
    house = a_house()

    async with house.gateway.answer(an_inbound(stream=True)) as answer:
        receipt = await house.gateway.feedback.take(answer.decision.id, 0.0)
        assert [text async for text in answer.chunks()]

    assert receipt.taken_as == "counted"


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


async def test_the_replica_that_answered_logs_the_score_with_the_tokens_and_no_prompt() -> None:
    desk, log = a_desk(), MemoryLog()
    one, other = a_house(desk=desk, graded_log=log), a_house(desk=desk)
    await whole(one, an_inbound(prompt=Prompt(asked="my secret")))
    await one.gateway.feedback.exchange()
    await other.gateway.feedback.take("decision-1", 0.25)

    await one.gateway.feedback.exchange()
    await one.gateway.feedback.logged()

    (graded,) = log.written
    assert (graded.given.score, graded.served.pair) == (0.25, "cheap")
    assert (graded.prompt_tokens, graded.completion_tokens) == (7, 2)
    assert graded.prompt is None
    assert len(graded.digest) == 64


async def test_prompts_are_logged_only_where_that_is_wanted() -> None:
    log = MemoryLog()
    settings = replace(SETTINGS, feedback=FeedbackRules(keep_prompts=True))
    house = a_house(settings=settings, graded_log=log)
    await whole(house, an_inbound(prompt=Prompt(asked="Sum?", context="You add.")))
    await house.gateway.feedback.take("decision-1", 1.0)

    await house.gateway.feedback.exchange()
    await house.gateway.feedback.logged()

    assert [graded.prompt for graded in log.written] == ["You add.\n\nSum?"]


async def test_beliefs_tell_prior_and_posterior_of_each_pair_and_task() -> None:
    house = a_house(catalog=CATALOG)
    await scored(house, 0.0, times=2)
    await house.gateway.feedback.exchange()

    (belief,) = house.gateway.feedback.beliefs()

    assert (belief.pair, belief.task, belief.prior.mean) == ("cheap", "conversation", 0.8)
    assert (belief.callers, belief.shadows, belief.weight) == (2, 0, 1.0)
    assert belief.lower < belief.mean < belief.prior.mean


async def test_scores_wait_for_a_catalog_to_count_in() -> None:
    house = a_house(catalog=CATALOG)
    await scored(house, 0.0, times=10)
    house.catalogs.current = None
    await house.gateway.feedback.exchange()
    assert house.gateway.feedback.beliefs() == ()

    house.catalogs.current = CATALOG

    assert await chosen(house) == "dear"


async def test_a_desk_that_stays_away_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    house, turns = a_house(desk=AwayDesk(a_desk())), iter(range(3))

    async def sleep(_: float) -> None:
        if next(turns, None) is None:
            raise asyncio.CancelledError

    with caplog.at_level("WARNING"), pytest.raises(asyncio.CancelledError):
        await house.gateway.feedback.run(sleep)

    assert caplog.text.count("the feedback board did not answer (Away)") == 1


async def test_a_score_whose_answer_is_forgotten_meanwhile_is_not_logged() -> None:
    log, rules = MemoryLog(), FeedbackRules(desk=DeskSettings(remember=1))
    house = a_house(settings=replace(SETTINGS, feedback=rules), graded_log=log)
    await whole(house, an_inbound())
    await house.gateway.feedback.take("decision-1", 1.0)
    await whole(house, an_inbound())

    await house.gateway.feedback.exchange()
    await house.gateway.feedback.logged()

    assert log.written == []


async def test_an_answer_forgotten_while_it_is_streamed_ends_as_any_other() -> None:
    rules = FeedbackRules(desk=DeskSettings(remember=1))
    house = a_house(settings=replace(SETTINGS, feedback=rules))

    async with house.gateway.answer(an_inbound(stream=True)) as answer:
        await whole(house, an_inbound())
        assert [text async for text in answer.chunks()]

    with pytest.raises(UnknownDecision):
        await house.gateway.feedback.take(answer.decision.id, 1.0)


async def test_a_request_that_names_its_pair_is_told_what_feedback_moved() -> None:
    house = a_house(catalog=CATALOG)
    await scored(house, 0.0, times=10)
    await house.gateway.feedback.exchange()

    decision = (await house.gateway.explain(an_inbound(model="cheap"))).decision

    assert decision.ranked[0].prediction is not None
    assert decision.ranked[0].prediction.feedback is not None
