"""Which answers are graded in the shadow, and which are not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from serve_app.core.events import FeedbackTaken, ShadowEnded
from serve_app.testing import Script
from tests.builders import a_catalog, a_pair
from tests.feedback.shadow_cases import (
    PRIOR_MEAN,
    a_shadowed_gateway,
    enough_for_one_grading,
    graded,
    grading,
    outcome,
)
from tests.gateways import CATALOG, PAIRS, a_request, whole


async def test_only_the_drawn_share_is_graded() -> None:
    draws = iter([0.5, 0.49, 0.9])
    under_test = a_shadowed_gateway(chance=lambda: next(draws))

    async with grading(under_test):
        for _ in range(3):
            await whole(under_test, a_request())
        await outcome(under_test)

    assert under_test.asked_pairs().count("dear") == 1


async def test_the_reference_pairs_own_answers_are_not_graded() -> None:
    under_test = a_shadowed_gateway()

    await whole(under_test, a_request(model="dear"))

    assert under_test.events.of(ShadowEnded) == []


@pytest.mark.parametrize("asked", [{"n": 2}, {"echo": True}, {"prompt": ["one", "two"]}], ids=str)
async def test_what_is_not_one_answer_to_one_prompt_is_not_graded(asked: dict[str, object]) -> None:
    under_test = a_shadowed_gateway()
    request = a_request()

    await whole(under_test, replace(request, body={**request.body, **asked}))

    assert under_test.events.of(ShadowEnded) == []


async def test_an_answer_of_a_pair_that_nobody_measured_is_not_graded() -> None:
    under_test = a_shadowed_gateway(catalog=a_catalog(CATALOG.profiles["dear"]))

    await whole(under_test, a_request(model="cheap"))

    assert under_test.events.of(ShadowEnded) == []


async def test_the_reference_is_not_asked_for_log_probabilities_that_nobody_compares() -> None:
    under_test = a_shadowed_gateway()
    request = a_request()

    async with grading(under_test):
        await whole(under_test, replace(request, body={**request.body, "logprobs": True}))
        await outcome(under_test)

    _, call = under_test.engine.calls[1]
    assert "logprobs" not in call.body


async def test_the_reference_pair_gets_no_routing_options() -> None:
    under_test = a_shadowed_gateway()
    request = a_request()

    async with grading(under_test):
        await whole(
            under_test, replace(request, body={**request.body, "routing": {"preset": "chat"}})
        )
        await outcome(under_test)

    assert all("routing" not in call.body for _, call in under_test.engine.calls)


async def test_an_answer_that_was_cut_off_is_neither_asked_again_nor_graded() -> None:
    under_test = a_shadowed_gateway({"cheap": Script(finish="length")})

    async with grading(under_test):
        await whole(under_test, a_request())
        ended = await outcome(under_test)

    assert (ended.outcome, ended.cost_usd) == ("cut_off", 0.0)
    assert "dear" not in under_test.asked_pairs()


@pytest.mark.parametrize(
    "script", [Script(finish="length"), Script(tokens=(" ",))], ids=["cut off", "empty"]
)
async def test_a_reference_that_was_cut_off_or_says_nothing_grades_nobody(script: Script) -> None:
    under_test = a_shadowed_gateway({"dear": script})

    async with grading(under_test):
        await whole(under_test, a_request())
        ended = await outcome(under_test)

    assert ended.outcome == "cut_off"
    assert ended.cost_usd > 0
    assert under_test.events.of(FeedbackTaken) == []


async def test_an_empty_answer_is_graded_as_one_that_says_something_else() -> None:
    assert await graded(a_shadowed_gateway({"cheap": Script(tokens=("",))})) < PRIOR_MEAN


async def test_a_reference_that_tells_no_usage_spends_what_was_predicted() -> None:
    rules = await enough_for_one_grading()
    under_test = a_shadowed_gateway({"dear": Script(tells_usage=False)}, rules=rules)

    async with grading(under_test):
        await whole(under_test, a_request())
        await outcome(under_test)
        await whole(under_test, a_request())
        second = await under_test.events.wait_for(ShadowEnded, count=2)

    assert second.outcome == "over_budget"


async def test_an_answer_of_the_static_fallback_is_not_graded() -> None:
    under_test = a_shadowed_gateway(catalog=None, pairs=(a_pair("other"), a_pair("dear")))

    await whole(under_test, a_request(model="other"))

    assert under_test.events.of(ShadowEnded) == []


async def test_a_request_that_needs_what_the_reference_lacks_is_not_graded() -> None:
    pairs = (a_pair("cheap"), a_pair("dear", capabilities=()))
    under_test = a_shadowed_gateway(pairs=pairs)

    await whole(under_test, a_request(needs={"tools": "tools"}))

    assert under_test.events.of(ShadowEnded) == []


@pytest.mark.parametrize("asked", [{}, {"model": "cheap"}], ids=["routed", "pinned"])
async def test_the_reference_answer_has_the_reference_pairs_own_limit(
    asked: dict[str, str],
) -> None:
    """Also where the decision knows nothing of that pair, as for a request that names another."""
    limits = {"cheap": 100, "dear": 200}
    pairs = [replace(pair, default_max_tokens=limits[pair.id]) for pair in PAIRS]
    under_test = a_shadowed_gateway(pairs=pairs)

    async with grading(under_test):
        await whole(under_test, a_request(**asked))
        await outcome(under_test)

    calls = {pair: call.body["max_tokens"] for pair, call in under_test.engine.calls}
    assert calls == limits
