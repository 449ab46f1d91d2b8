"""Which answers are graded in the shadow, and which are not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from serve_app.core.events import FeedbackTaken, ShadowEnded
from serve_app.testing import Script
from tests.builders import a_catalog, a_pair
from tests.feedback.shadow_cases import (
    BELIEVED,
    a_shadowed_house,
    enough_for_one_grading,
    graded,
    grading,
    outcome,
)
from tests.gateways import CATALOG, an_inbound, whole


async def test_only_the_drawn_share_is_graded() -> None:
    draws = iter([0.5, 0.49, 0.9])
    house = a_shadowed_house(chance=lambda: next(draws))

    async with grading(house):
        for _ in range(3):
            await whole(house, an_inbound())
        await outcome(house)

    assert house.asked_pairs().count("dear") == 1


async def test_the_reference_pairs_own_answers_are_not_graded() -> None:
    house = a_shadowed_house()

    await whole(house, an_inbound(model="dear"))

    assert house.events.of(ShadowEnded) == []


@pytest.mark.parametrize("asked", [{"n": 2}, {"echo": True}, {"prompt": ["one", "two"]}], ids=str)
async def test_what_is_not_one_answer_to_one_prompt_is_not_graded(asked: dict[str, object]) -> None:
    house = a_shadowed_house()
    inbound = an_inbound()

    await whole(house, replace(inbound, body={**inbound.body, **asked}))

    assert house.events.of(ShadowEnded) == []


async def test_an_answer_of_a_pair_that_nobody_measured_is_not_graded() -> None:
    house = a_shadowed_house(catalog=a_catalog(CATALOG.profiles["dear"]))

    await whole(house, an_inbound(model="cheap"))

    assert house.events.of(ShadowEnded) == []


async def test_the_reference_is_not_asked_for_log_probabilities_that_nobody_compares() -> None:
    house = a_shadowed_house()
    inbound = an_inbound()

    async with grading(house):
        await whole(house, replace(inbound, body={**inbound.body, "logprobs": True}))
        await outcome(house)

    _, call = house.engine.calls[1]
    assert "logprobs" not in call.body


async def test_the_reference_pair_gets_no_routing_options() -> None:
    house = a_shadowed_house()
    inbound = an_inbound()

    async with grading(house):
        await whole(house, replace(inbound, body={**inbound.body, "routing": {"preset": "chat"}}))
        await outcome(house)

    assert all("routing" not in call.body for _, call in house.engine.calls)


async def test_an_answer_that_was_cut_off_is_neither_asked_again_nor_graded() -> None:
    house = a_shadowed_house({"cheap": Script(finish="length")})

    async with grading(house):
        await whole(house, an_inbound())
        ended = await outcome(house)

    assert (ended.outcome, ended.cost_usd) == ("cut_off", 0.0)
    assert "dear" not in house.asked_pairs()


@pytest.mark.parametrize(
    "script", [Script(finish="length"), Script(tokens=(" ",))], ids=["cut off", "empty"]
)
async def test_a_reference_that_was_cut_off_or_says_nothing_grades_nobody(script: Script) -> None:
    house = a_shadowed_house({"dear": script})

    async with grading(house):
        await whole(house, an_inbound())
        ended = await outcome(house)

    assert ended.outcome == "cut_off"
    assert ended.cost_usd > 0
    assert house.events.of(FeedbackTaken) == []


async def test_an_empty_answer_is_graded_as_one_that_says_something_else() -> None:
    assert await graded(a_shadowed_house({"cheap": Script(tokens=("",))})) < BELIEVED


async def test_a_reference_that_tells_no_usage_spends_what_was_predicted() -> None:
    rules = await enough_for_one_grading()
    house = a_shadowed_house({"dear": Script(tells_usage=False)}, rules=rules)

    async with grading(house):
        await whole(house, an_inbound())
        await outcome(house)
        await whole(house, an_inbound())
        second = await house.events.wait_for(ShadowEnded, count=2)

    assert second.outcome == "over_budget"


async def test_an_answer_of_the_static_fallback_is_not_graded() -> None:
    house = a_shadowed_house(catalog=None, pairs=(a_pair("other"), a_pair("dear")))

    await whole(house, an_inbound(model="other"))

    assert house.events.of(ShadowEnded) == []


async def test_a_request_that_needs_what_the_reference_lacks_is_not_graded() -> None:
    pairs = (a_pair("cheap"), a_pair("dear", capabilities=()))
    house = a_shadowed_house(pairs=pairs)

    await whole(house, an_inbound(needs={"tools": "tools"}))

    assert house.events.of(ShadowEnded) == []
