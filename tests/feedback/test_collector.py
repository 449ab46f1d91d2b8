"""Scores move later decisions of every replica, and no answered request waits for that."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from serve_app.core.errors import FeedbackConflict, UnknownDecision
from serve_app.core.events import AccuracyCorrected, FeedbackRefused, FeedbackTaken
from serve_app.core.profile import Provenance
from tests.builders import a_catalog, a_profile
from tests.feedback.score_stores import CATALOG, DAY_S, FLOOR, a_store, chosen, scored
from tests.gateways import a_house, an_inbound, whole


async def test_bad_scores_send_the_next_request_elsewhere_and_it_says_so() -> None:
    house = a_house(catalog=CATALOG)
    assert await chosen(house) == "cheap"

    await scored(house, 0.0, times=10)
    await house.feedback.exchange()

    decision = (await house.gateway.explain(an_inbound(constraints=FLOOR))).decision
    assert decision.chosen == "dear"
    assert decision.rejected[0].got.endswith("by feedback")


async def test_good_scores_let_a_pair_above_a_floor_it_did_not_reach() -> None:
    cautious = a_profile("cheap", accuracy=0.8, lower=0.69, usd_per_hour=0.1)
    house = a_house(catalog=a_catalog(cautious, CATALOG.profiles["dear"]))
    assert await chosen(house) == "dear"

    await scored(house, 1.0, times=80)
    await house.feedback.exchange()

    assert await chosen(house) == "cheap"


async def test_a_score_taken_by_one_replica_moves_the_decisions_of_another() -> None:
    store = a_store()
    one, other = a_house(catalog=CATALOG, store=store), a_house(catalog=CATALOG, store=store)

    await scored(one, 0.0, times=10)
    assert await chosen(other) == "cheap"
    await other.feedback.exchange()

    assert await chosen(other) == "dear"


async def test_a_replica_takes_the_score_of_an_answer_that_another_one_gave() -> None:
    store = a_store()
    one, other = a_house(store=store), a_house(store=store)
    await whole(one, an_inbound())
    await one.feedback.exchange()

    receipt = await other.feedback.take("decision-1", 0.5)

    assert receipt.served is not None
    assert (receipt.status, receipt.served.pair) == ("counted", "cheap")
    assert other.events.of(FeedbackTaken) == [
        FeedbackTaken(pair="cheap", source="caller", score=0.5)
    ]


async def test_without_scores_the_very_catalog_that_was_published_is_used() -> None:
    house = a_house(catalog=CATALOG)
    await whole(house, an_inbound())
    await house.feedback.exchange()

    assert house.feedback.catalog.current is CATALOG
    assert house.events.of(AccuracyCorrected) == []


async def test_a_snapshot_is_made_when_scores_come_and_not_at_every_exchange() -> None:
    house = a_house(catalog=CATALOG)
    await scored(house, 0.0)
    await house.feedback.exchange()
    moved = house.feedback.catalog.current

    await house.feedback.exchange()

    assert house.feedback.catalog.current is moved
    assert len(house.events.of(AccuracyCorrected)) == 1


async def test_feedback_fades_until_the_profile_stands_again() -> None:
    house = a_house(catalog=CATALOG)
    await scored(house, 0.0, times=10)
    await house.feedback.exchange()

    await house.clock.advance(300 * DAY_S)
    await house.feedback.exchange()

    assert await chosen(house) == "cheap"
    assert house.feedback.estimates() == ()
    assert house.events.of(AccuracyCorrected)[-1].estimates == {}


async def test_a_pair_measured_anew_is_judged_by_what_was_measured_at_once() -> None:
    house = a_house(catalog=CATALOG)
    await scored(house, 0.0, times=10)
    await house.feedback.exchange()

    cheap = CATALOG.profiles["cheap"]
    later = replace(cheap, provenance=Provenance(origin="measured", date="2026-02-02"))
    house.catalog.publish(a_catalog(later, CATALOG.profiles["dear"], version="v2"))

    assert await chosen(house) == "cheap"


async def test_a_publication_that_leaves_a_pair_as_it_was_leaves_its_feedback() -> None:
    house = a_house(catalog=CATALOG)
    await scored(house, 0.0, times=10)
    await house.feedback.exchange()

    house.catalog.publish(replace(CATALOG, version="v2"))

    assert await chosen(house) == "dear"


async def test_a_decision_that_was_only_explained_cannot_be_scored() -> None:
    house = a_house()
    routing = await house.gateway.explain(an_inbound())

    with pytest.raises(UnknownDecision, match=r"20000 answered requests of 24 hours"):
        await house.feedback.take(routing.decision.id, 1.0)
    assert [refused.reason for refused in house.events.of(FeedbackRefused)] == ["unknown"]


async def test_an_answer_too_long_ago_cannot_be_scored() -> None:
    house = a_house()
    await whole(house, an_inbound())
    await house.clock.advance(DAY_S + 1)

    with pytest.raises(UnknownDecision):
        await house.feedback.take("decision-1", 1.0)


async def test_another_score_for_the_same_answer_is_refused_with_both_scores_named() -> None:
    house = a_house()
    await whole(house, an_inbound())
    await house.feedback.take("decision-1", 1.0)

    with pytest.raises(FeedbackConflict, match=r"has the score 1 already and cannot take 0"):
        await house.feedback.take("decision-1", 0.0)
    assert len(house.events.of(FeedbackTaken)) == 1


async def test_an_answer_that_its_caller_broke_off_can_be_scored() -> None:
    house = a_house()
    with pytest.raises(asyncio.CancelledError):
        async with house.gateway.answer(an_inbound()):
            raise asyncio.CancelledError

    receipt = await house.feedback.take("decision-1", 0.0)

    assert receipt.status == "counted"


async def test_an_answer_of_the_static_fallback_is_scored_without_moving_anything() -> None:
    house = a_house(catalog=None)
    await whole(house, an_inbound())

    receipt = await house.feedback.take("decision-1", 0.0)

    assert (receipt.status, receipt.weight) == ("counted", 0.0)


async def test_an_answer_can_be_scored_while_it_is_still_streamed() -> None:
    house = a_house()

    async with house.gateway.answer(an_inbound(stream=True)) as answer:
        receipt = await house.feedback.take(answer.decision.id, 0.0)
        assert [text async for text in answer.chunks()]

    assert receipt.status == "counted"


async def test_estimates_tell_prior_and_posterior_of_each_pair_and_task() -> None:
    house = a_house(catalog=CATALOG)
    await scored(house, 0.0, times=2)
    await house.feedback.exchange()

    (estimate,) = house.feedback.estimates()

    assert (estimate.pair, estimate.task, estimate.prior.mean) == ("cheap", "conversation", 0.8)
    assert (estimate.callers, estimate.shadows, estimate.weight) == (2, 0, 1.0)
    assert estimate.lower < estimate.mean < estimate.prior.mean


async def test_scores_wait_for_a_catalog_to_count_in() -> None:
    store = a_store()
    await scored(a_house(catalog=CATALOG, store=store), 0.0, times=10)
    house = a_house(catalog=None, store=store)
    await house.feedback.exchange()
    assert house.feedback.estimates() == ()

    house.catalog.publish(CATALOG)

    assert await chosen(house) == "dear"


async def test_a_request_that_names_its_pair_is_told_what_feedback_moved() -> None:
    house = a_house(catalog=CATALOG)
    await scored(house, 0.0, times=10)
    await house.feedback.exchange()

    decision = (await house.gateway.explain(an_inbound(model="cheap"))).decision

    assert decision.ranked[0].prediction is not None
    assert decision.ranked[0].prediction.feedback is not None
