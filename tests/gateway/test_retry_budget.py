"""Retries of all requests together have a budget."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from serve_app.core.errors import EngineBusy, EngineRejected, Overloaded
from serve_app.core.events import RetryBudgetSpent
from serve_app.settings import RetryBudgetSettings
from serve_app.testing import Script
from tests.gateways import SETTINGS, GatewayUnderTest, a_request, gateway_under_test

FEW = replace(SETTINGS, retry_budget=RetryBudgetSettings(share=0.2, min_retries=1))
FULL = Script(error=EngineBusy("cheap"))


async def served(under_test: GatewayUnderTest) -> str:
    try:
        async with under_test.gateway.answer(a_request()) as answer:
            return answer.pair
    except Overloaded as error:
        return error.detail


async def test_only_a_share_of_the_requests_is_tried_again() -> None:
    under_test = gateway_under_test({"cheap": FULL}, settings=FEW)

    ends = [await served(under_test) for _ in range(100)]

    assert ends.count("dear") == 1 + 20
    assert len(under_test.engine.calls) == 100 + 21
    assert len(under_test.events.of(RetryBudgetSpent)) == 79


async def test_a_request_without_a_retry_ends_with_its_last_error_and_the_reason() -> None:
    under_test = gateway_under_test(
        {"cheap": FULL},
        settings=replace(SETTINGS, retry_budget=RetryBudgetSettings(share=0, min_retries=0)),
    )

    assert await served(under_test) == (
        "pair 'cheap' is full; no other pair is tried, because the retry budget is spent"
    )
    assert under_test.asked_pairs() == ["cheap"]
    assert [event.pair for event in under_test.events.of(RetryBudgetSpent)] == ["cheap"]


async def test_the_budget_comes_back_with_time() -> None:
    under_test = gateway_under_test({"cheap": FULL}, settings=FEW)
    while await served(under_test) == "dear":
        pass

    await under_test.clock.advance(FEW.retry_budget.window_s)

    assert await served(under_test) == "dear"


async def test_a_pair_that_cannot_serve_the_request_costs_no_retry() -> None:
    window = EngineRejected("cheap", 400, "maximum context length is 10", "t", None)
    under_test = gateway_under_test(
        {"cheap": Script(error=window)},
        settings=replace(SETTINGS, retry_budget=RetryBudgetSettings(share=0, min_retries=0)),
    )

    assert await served(under_test) == "dear"


@pytest.mark.parametrize("pairs_left", [1, 0])
async def test_a_request_that_may_not_be_tried_again_has_all_the_time(pairs_left: int) -> None:
    """The attempt would end after 10 ms if another pair could follow."""

    async def take_long(_: int) -> None:
        await asyncio.sleep(0.05)

    under_test = gateway_under_test(
        {"cheap": Script(before_token=take_long)},
        settings=replace(
            SETTINGS,
            attempt_timeout_min_ms=10,
            attempt_timeout_factor=0.01,
            retry_budget=RetryBudgetSettings(share=0, min_retries=pairs_left),
        ),
    )

    async with under_test.gateway.answer(a_request(stream=True)) as answer:
        assert answer.pair == ("dear" if pairs_left else "cheap")
