"""A share of answers is graded by the reference pair, and no caller ever notices."""

from __future__ import annotations

from serve_app.core.events import FeedbackTaken
from serve_app.testing import Script
from tests.builders import a_catalog, a_profile, an_accuracy
from tests.feedback.shadow_cases import (
    BELIEVED,
    a_shadowed_house,
    graded,
    grading,
    outcome,
    streamed,
)
from tests.gateways import CATALOG, an_inbound, whole


async def test_an_answer_that_says_the_same_is_likelier_right_than_was_believed() -> None:
    assert BELIEVED < await graded(a_shadowed_house()) < 1


async def test_an_answer_that_says_something_else_is_less_likely_right_and_not_simply_wrong() -> (
    None
):
    house = a_shadowed_house({"dear": Script(tokens=("Quite", " different"))})

    assert 0 < await graded(house) < BELIEVED


async def test_a_score_weighs_as_much_as_it_tells() -> None:
    house = a_shadowed_house()
    await graded(house)
    await house.feedback.exchange()

    (estimate,) = house.feedback.estimates()

    assert (estimate.callers, estimate.shadows) == (0, 1)
    assert 0 < estimate.weight < 0.5


async def test_a_stream_is_graded_as_a_whole_answer_of_the_reference() -> None:
    house = a_shadowed_house()

    async with grading(house):
        texts = await streamed(house)
        await outcome(house)

    assert len(texts) > 2
    pair, call = house.engine.calls[1]
    assert (pair, call.stream, call.body["model"]) == ("dear", False, "dear")
    assert "stream_options" not in call.body
    assert len(house.events.of(FeedbackTaken)) == 1


async def test_agreeing_with_a_reference_that_callers_found_wrong_says_less() -> None:
    dear = a_profile("dear", accuracy={"conversation": an_accuracy(0.9, items=4)})
    scores = []
    for bad_answers in (0, 10):
        house = a_shadowed_house(catalog=a_catalog(CATALOG.profiles["cheap"], dear))
        for _ in range(bad_answers):
            await whole(house, an_inbound(model="dear"))
            await house.feedback.take(house.gateway.recent_decisions()[0].id, 0.0)
        await house.feedback.exchange()
        async with grading(house):
            await whole(house, an_inbound())
            await outcome(house)
        scores.append(house.events.of(FeedbackTaken)[-1].score)

    assert scores[1] < scores[0]
