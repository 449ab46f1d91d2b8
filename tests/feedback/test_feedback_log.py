"""Scores are logged with what their answers took, by the replica that answered."""

from __future__ import annotations

import pytest

from serve_app.classifier.request_text import segment
from serve_app.core.cost import Usage
from serve_app.core.errors import UnknownDecision
from serve_app.settings import FeedbackSettings
from tests.feedback.score_stores import MemoryLog, a_store
from tests.gateways import a_request, gateway_under_test, whole


async def test_the_replica_that_answered_logs_the_score_with_the_tokens_and_no_prompt() -> None:
    store, log = a_store(), MemoryLog()
    one, other = gateway_under_test(store=store, graded_log=log), gateway_under_test(store=store)
    await whole(one, a_request(prompt=segment("my secret")))
    await one.feedback.exchange()
    await other.feedback.take("decision-1", 0.25)

    await one.feedback.exchange()
    await one.feedback.logged()

    ((score, graded),) = log.written
    assert (score.score, graded.served.pair) == (0.25, "cheap")
    assert graded.usage == Usage(prompt_tokens=7, completion_tokens=2)
    assert graded.prompt is None
    assert len(graded.digest) == 64


async def test_prompts_are_logged_only_where_that_is_wanted() -> None:
    log = MemoryLog()
    settings = FeedbackSettings(log="folder", log_prompts=True)
    under_test = gateway_under_test(feedback=settings, graded_log=log)
    await whole(under_test, a_request(prompt=segment("Sum?", context="You add.")))
    await under_test.feedback.take("decision-1", 1.0)

    await under_test.feedback.exchange()
    await under_test.feedback.logged()

    assert [graded.prompt for _, graded in log.written] == ["You add.\n\nSum?"]


async def test_a_score_whose_answer_is_forgotten_meanwhile_is_not_logged() -> None:
    log = MemoryLog()
    under_test = gateway_under_test(feedback=FeedbackSettings(retention_count=1), graded_log=log)
    await whole(under_test, a_request())
    await under_test.feedback.take("decision-1", 1.0)
    await whole(under_test, a_request())

    await under_test.feedback.exchange()
    await under_test.feedback.logged()

    assert log.written == []


async def test_an_answer_forgotten_while_it_is_streamed_ends_as_any_other() -> None:
    under_test = gateway_under_test(feedback=FeedbackSettings(retention_count=1))

    async with under_test.gateway.answer(a_request(stream=True)) as answer:
        await whole(under_test, a_request())
        assert [text async for text in answer.chunks()]

    with pytest.raises(UnknownDecision):
        await under_test.feedback.take(answer.decision.id, 1.0)
