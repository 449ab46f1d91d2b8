"""A share of answers is graded by the reference pair, and no caller ever notices."""

from __future__ import annotations

from serve_app.core.events import FeedbackTaken
from serve_app.testing import Script
from tests.builders import a_catalog, a_profile, an_accuracy
from tests.feedback.shadow_cases import (
    PRIOR_MEAN,
    a_shadowed_gateway,
    graded,
    grading,
    outcome,
    streamed,
)
from tests.gateways import CATALOG, a_request, whole


async def test_an_answer_that_says_the_same_is_likelier_right_than_was_estimated() -> None:
    assert PRIOR_MEAN < await graded(a_shadowed_gateway()) < 1


async def test_an_answer_that_says_something_else_is_less_likely_right_and_not_simply_wrong() -> (
    None
):
    under_test = a_shadowed_gateway({"dear": Script(tokens=("Quite", " different"))})

    assert 0 < await graded(under_test) < PRIOR_MEAN


async def test_a_score_weighs_as_much_as_it_tells() -> None:
    under_test = a_shadowed_gateway()
    await graded(under_test)
    await under_test.feedback.exchange()

    (estimate,) = under_test.feedback.estimates()

    assert (estimate.callers, estimate.shadows) == (0, 1)
    assert 0 < estimate.weight < 0.5


async def test_a_stream_is_graded_as_a_whole_answer_of_the_reference() -> None:
    under_test = a_shadowed_gateway()

    async with grading(under_test):
        texts = await streamed(under_test)
        await outcome(under_test)

    assert len(texts) > 2
    pair, call = under_test.engine.calls[1]
    assert (pair, call.stream, call.body["model"]) == ("dear", False, "dear")
    assert "stream_options" not in call.body
    assert len(under_test.events.of(FeedbackTaken)) == 1


async def test_agreeing_with_a_reference_that_callers_found_wrong_says_less() -> None:
    dear = a_profile("dear", accuracy={"conversation": an_accuracy(0.9, items=4)})
    scores = []
    for bad_answers in (0, 10):
        under_test = a_shadowed_gateway(catalog=a_catalog(CATALOG.profiles["cheap"], dear))
        for _ in range(bad_answers):
            await whole(under_test, a_request(model="dear"))
            await under_test.feedback.take(under_test.gateway.recent_decisions()[0].id, 0.0)
        await under_test.feedback.exchange()
        async with grading(under_test):
            await whole(under_test, a_request())
            await outcome(under_test)
        scores.append(under_test.events.of(FeedbackTaken)[-1].score)

    assert scores[1] < scores[0]
