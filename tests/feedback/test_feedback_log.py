"""Scores are logged with what their answers took, by the replica that answered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from serve_app.classifier.request_text import segment
from serve_app.core.errors import UnknownDecision
from serve_app.feedback.settings import DeskSettings, FeedbackRules
from tests.feedback.desks import MemoryLog, a_desk
from tests.gateways import SETTINGS, a_house, an_inbound, whole


async def test_the_replica_that_answered_logs_the_score_with_the_tokens_and_no_prompt() -> None:
    desk, log = a_desk(), MemoryLog()
    one, other = a_house(desk=desk, graded_log=log), a_house(desk=desk)
    await whole(one, an_inbound(prompt=segment("my secret")))
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
    await whole(house, an_inbound(prompt=segment("Sum?", context="You add.")))
    await house.gateway.feedback.take("decision-1", 1.0)

    await house.gateway.feedback.exchange()
    await house.gateway.feedback.logged()

    assert [graded.prompt for graded in log.written] == ["You add.\n\nSum?"]


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
