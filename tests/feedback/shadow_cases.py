"""Houses that grade some of their answers in the shadow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from serve_app.core.events import FeedbackTaken, ShadowEnded
from serve_app.settings import FeedbackSettings, ShadowSettings
from serve_app.testing import Script
from tests.gateways import CATALOG, House, a_house, an_inbound, whole

RULES: Mapping[str, float] = {"share": 0.5, "usd_per_hour": 1.0}
BELIEVED = CATALOG.profiles["cheap"].accuracy["overall"].mean


def a_shadowed_house(
    scripts: dict[str, Script] | None = None,
    *,
    rules: Mapping[str, float] = RULES,
    chance: Callable[[], float] = lambda: 0.0,
    **fields: Any,
) -> House:
    feedback = FeedbackSettings(shadow=ShadowSettings(**rules))
    return a_house(scripts, feedback=feedback, chance=chance, **fields)


@asynccontextmanager
async def grading(house: House) -> AsyncIterator[None]:
    """Runs what runs in the background of a gateway, except for the exchange with the store."""
    exchange, shadow = house.background()
    asyncio.ensure_future(exchange).cancel()
    # The budget begins empty.
    await house.clock.advance(360)
    task = asyncio.ensure_future(shadow)
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def streamed(house: House, **fields: Any) -> list[str]:
    async with house.gateway.answer(an_inbound(stream=True, **fields)) as answer:
        return [text async for text in answer.chunks()]


async def outcome(house: House) -> ShadowEnded:
    return await house.events.wait_for(ShadowEnded)


async def enough_for_one_grading() -> Mapping[str, float]:
    """What a tenth of an hour saves is more than one grading costs, and less than two."""
    house = a_shadowed_house()
    decision = (await house.gateway.explain(an_inbound())).decision
    (usd,) = [c.prediction.cost_usd for c in decision.ranked if c.pair == "dear" and c.prediction]
    return {**RULES, "usd_per_hour": 15 * usd}


async def graded(house: House) -> float:
    """The score of one answer."""
    async with grading(house):
        await whole(house, an_inbound())
        ended = await outcome(house)
    assert (ended.pair, ended.outcome) == ("cheap", "graded")
    (taken,) = house.events.of(FeedbackTaken)
    assert (taken.pair, taken.source) == ("cheap", "shadow")
    return taken.score
