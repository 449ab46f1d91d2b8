"""Gateways that grade some of their answers in the shadow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from serve_app.core.events import FeedbackTaken, ShadowEnded
from serve_app.settings import FeedbackSettings, ShadowSettings
from serve_app.testing import Script
from tests.gateways import CATALOG, GatewayUnderTest, a_request, gateway_under_test, whole

RULES: Mapping[str, float] = {"share": 0.5, "usd_per_hour": 1.0}
PRIOR_MEAN = CATALOG.profiles["cheap"].accuracy["overall"].mean


def a_shadowed_gateway(
    scripts: dict[str, Script] | None = None,
    *,
    rules: Mapping[str, float] = RULES,
    chance: Callable[[], float] = lambda: 0.0,
    **fields: Any,
) -> GatewayUnderTest:
    feedback = FeedbackSettings(shadow=ShadowSettings(**rules))
    return gateway_under_test(scripts, feedback=feedback, chance=chance, **fields)


@asynccontextmanager
async def grading(under_test: GatewayUnderTest) -> AsyncIterator[None]:
    """Runs what runs in the background of a gateway, except for the exchange with the store."""
    exchange, shadow = under_test.background()
    asyncio.ensure_future(exchange).cancel()
    # The budget begins empty.
    await under_test.clock.advance(360)
    task = asyncio.ensure_future(shadow)
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def streamed(under_test: GatewayUnderTest, **fields: Any) -> list[str]:
    async with under_test.gateway.answer(a_request(stream=True, **fields)) as answer:
        return [text async for text in answer.chunks()]


async def outcome(under_test: GatewayUnderTest) -> ShadowEnded:
    return await under_test.events.wait_for(ShadowEnded)


async def enough_for_one_grading() -> Mapping[str, float]:
    """What a tenth of an hour saves is more than one grading costs, and less than two."""
    under_test = a_shadowed_gateway()
    decision = (await under_test.gateway.explain(a_request())).decision
    (usd,) = [c.prediction.cost_usd for c in decision.ranked if c.pair == "dear" and c.prediction]
    return {**RULES, "usd_per_hour": 15 * usd}


async def graded(under_test: GatewayUnderTest) -> float:
    """The score of one answer."""
    async with grading(under_test):
        await whole(under_test, a_request())
        ended = await outcome(under_test)
    assert (ended.pair, ended.outcome) == ("cheap", "graded")
    (taken,) = under_test.events.of(FeedbackTaken)
    assert (taken.pair, taken.source) == ("cheap", "shadow")
    return taken.score
