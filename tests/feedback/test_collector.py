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
from tests.gateways import a_request, gateway_under_test, whole


async def test_bad_scores_send_the_next_request_elsewhere_and_it_says_so() -> None:
    under_test = gateway_under_test(catalog=CATALOG)
    assert await chosen(under_test) == "cheap"

    await scored(under_test, 0.0, times=10)
    await under_test.feedback.exchange()

    decision = (await under_test.gateway.explain(a_request(constraints=FLOOR))).decision
    assert decision.chosen == "dear"
    assert decision.rejected[0].got.endswith("by feedback")


async def test_good_scores_let_a_pair_above_a_floor_it_did_not_reach() -> None:
    cautious = a_profile("cheap", accuracy=0.8, lower=0.69, usd_per_hour=0.1)
    under_test = gateway_under_test(catalog=a_catalog(cautious, CATALOG.profiles["dear"]))
    assert await chosen(under_test) == "dear"

    await scored(under_test, 1.0, times=80)
    await under_test.feedback.exchange()

    assert await chosen(under_test) == "cheap"


async def test_a_score_taken_by_one_replica_moves_the_decisions_of_another() -> None:
    store = a_store()
    one, other = (
        gateway_under_test(catalog=CATALOG, store=store),
        gateway_under_test(catalog=CATALOG, store=store),
    )

    await scored(one, 0.0, times=10)
    assert await chosen(other) == "cheap"
    await other.feedback.exchange()

    assert await chosen(other) == "dear"


async def test_a_replica_takes_the_score_of_an_answer_that_another_one_gave() -> None:
    store = a_store()
    one, other = gateway_under_test(store=store), gateway_under_test(store=store)
    await whole(one, a_request())
    await one.feedback.exchange()

    receipt = await other.feedback.take("decision-1", 0.5)

    assert receipt.served is not None
    assert (receipt.status, receipt.served.pair) == ("counted", "cheap")
    assert other.events.of(FeedbackTaken) == [
        FeedbackTaken(pair="cheap", source="caller", score=0.5)
    ]


async def test_without_scores_the_very_catalog_that_was_published_is_used() -> None:
    under_test = gateway_under_test(catalog=CATALOG)
    await whole(under_test, a_request())
    await under_test.feedback.exchange()

    assert under_test.feedback.catalog.current is CATALOG
    assert under_test.events.of(AccuracyCorrected) == []


async def test_a_snapshot_is_made_when_scores_come_and_not_at_every_exchange() -> None:
    under_test = gateway_under_test(catalog=CATALOG)
    await scored(under_test, 0.0)
    await under_test.feedback.exchange()
    moved = under_test.feedback.catalog.current

    await under_test.feedback.exchange()

    assert under_test.feedback.catalog.current is moved
    assert len(under_test.events.of(AccuracyCorrected)) == 1


async def test_feedback_fades_until_the_profile_stands_again() -> None:
    under_test = gateway_under_test(catalog=CATALOG)
    await scored(under_test, 0.0, times=10)
    await under_test.feedback.exchange()

    await under_test.clock.advance(300 * DAY_S)
    await under_test.feedback.exchange()

    assert await chosen(under_test) == "cheap"
    assert under_test.feedback.estimates() == ()
    assert under_test.events.of(AccuracyCorrected)[-1].estimates == {}


async def test_a_pair_measured_anew_is_classified_by_what_was_measured_at_once() -> None:
    under_test = gateway_under_test(catalog=CATALOG)
    await scored(under_test, 0.0, times=10)
    await under_test.feedback.exchange()

    cheap = CATALOG.profiles["cheap"]
    later = replace(cheap, provenance=Provenance(origin="measured", date="2026-02-02"))
    under_test.catalog.publish(a_catalog(later, CATALOG.profiles["dear"], version="v2"))

    assert await chosen(under_test) == "cheap"


async def test_a_publication_that_leaves_a_pair_as_it_was_leaves_its_feedback() -> None:
    under_test = gateway_under_test(catalog=CATALOG)
    await scored(under_test, 0.0, times=10)
    await under_test.feedback.exchange()

    under_test.catalog.publish(replace(CATALOG, version="v2"))

    assert await chosen(under_test) == "dear"


async def test_a_decision_that_was_only_explained_cannot_be_scored() -> None:
    under_test = gateway_under_test()
    routing = await under_test.gateway.explain(a_request())

    with pytest.raises(UnknownDecision, match=r"20000 answered requests of 24 hours"):
        await under_test.feedback.take(routing.decision.id, 1.0)
    assert [refused.reason for refused in under_test.events.of(FeedbackRefused)] == ["unknown"]


async def test_an_answer_too_long_ago_cannot_be_scored() -> None:
    under_test = gateway_under_test()
    await whole(under_test, a_request())
    await under_test.clock.advance(DAY_S + 1)

    with pytest.raises(UnknownDecision):
        await under_test.feedback.take("decision-1", 1.0)


async def test_another_score_for_the_same_answer_is_refused_with_both_scores_named() -> None:
    under_test = gateway_under_test()
    await whole(under_test, a_request())
    await under_test.feedback.take("decision-1", 1.0)

    with pytest.raises(FeedbackConflict, match=r"has the score 1 already and cannot take 0"):
        await under_test.feedback.take("decision-1", 0.0)
    assert len(under_test.events.of(FeedbackTaken)) == 1


async def test_an_answer_that_its_caller_broke_off_can_be_scored() -> None:
    under_test = gateway_under_test()
    with pytest.raises(asyncio.CancelledError):
        async with under_test.gateway.answer(a_request()):
            raise asyncio.CancelledError

    receipt = await under_test.feedback.take("decision-1", 0.0)

    assert receipt.status == "counted"


async def test_an_answer_of_the_static_fallback_is_scored_without_moving_anything() -> None:
    under_test = gateway_under_test(catalog=None)
    await whole(under_test, a_request())

    receipt = await under_test.feedback.take("decision-1", 0.0)

    assert (receipt.status, receipt.weight) == ("counted", 0.0)


async def test_an_answer_can_be_scored_while_it_is_still_streamed() -> None:
    under_test = gateway_under_test()

    async with under_test.gateway.answer(a_request(stream=True)) as answer:
        receipt = await under_test.feedback.take(answer.decision.id, 0.0)
        assert [text async for text in answer.chunks()]

    assert receipt.status == "counted"


async def test_estimates_tell_prior_and_posterior_of_each_pair_and_task() -> None:
    under_test = gateway_under_test(catalog=CATALOG)
    await scored(under_test, 0.0, times=2)
    await under_test.feedback.exchange()

    (estimate,) = under_test.feedback.estimates()

    assert (estimate.pair, estimate.task, estimate.prior.mean) == ("cheap", "conversation", 0.8)
    assert (estimate.callers, estimate.shadows, estimate.weight) == (2, 0, 1.0)
    assert estimate.lower < estimate.mean < estimate.prior.mean


async def test_scores_wait_for_a_catalog_to_count_in() -> None:
    store = a_store()
    await scored(gateway_under_test(catalog=CATALOG, store=store), 0.0, times=10)
    under_test = gateway_under_test(catalog=None, store=store)
    await under_test.feedback.exchange()
    assert under_test.feedback.estimates() == ()

    under_test.catalog.publish(CATALOG)

    assert await chosen(under_test) == "dear"


async def test_a_request_that_names_its_pair_is_told_what_feedback_moved() -> None:
    under_test = gateway_under_test(catalog=CATALOG)
    await scored(under_test, 0.0, times=10)
    await under_test.feedback.exchange()

    decision = (await under_test.gateway.explain(a_request(model="cheap"))).decision

    assert decision.ranked[0].prediction is not None
    assert decision.ranked[0].prediction.feedback is not None
