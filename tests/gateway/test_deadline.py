"""One deadline per request, from its first byte."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

import pytest

from serve_app.core.errors import DeadlineExceeded
from serve_app.core.request import Prompt, PromptClassification
from serve_app.testing import ManualClock, Script
from tests.builders import a_classification
from tests.gateways import SETTINGS, a_request, gateway_under_test

ONE_MINUTE = replace(SETTINGS, first_token_deadline_ms=60_000)


@dataclass
class SlowClassifier:
    """Takes five seconds."""

    clock: ManualClock

    async def classify(self, _: Prompt) -> PromptClassification:
        await self.clock.advance(5)
        return a_classification()


async def never(_: int) -> None:
    await asyncio.Event().wait()


async def test_reading_and_classifying_take_from_the_time_of_the_pairs() -> None:
    clock = ManualClock()
    under_test = gateway_under_test(
        settings=ONE_MINUTE, clock=clock, classifier=SlowClassifier(clock)
    )

    routing = await under_test.gateway.explain(a_request(reading_ms=10_000))

    assert routing.decision.time_left_ms == pytest.approx(45_000)


async def test_the_attempts_have_what_is_left() -> None:
    under_test = gateway_under_test(
        {"cheap": Script(before_token=never), "dear": Script(before_token=never)},
        settings=ONE_MINUTE,
    )

    with pytest.raises(DeadlineExceeded, match="no answer within 60000 ms"):
        async with under_test.gateway.answer(a_request(stream=True, reading_ms=59_980)):
            pass

    assert under_test.asked_pairs() == ["cheap"]
    assert under_test.engine.open == 0


async def test_no_pair_is_asked_when_nothing_is_left() -> None:
    under_test = gateway_under_test(settings=ONE_MINUTE)

    with pytest.raises(DeadlineExceeded, match="tried: none"):
        async with under_test.gateway.answer(a_request(reading_ms=60_000)):
            pass

    assert under_test.engine.calls == []


@pytest.mark.parametrize(("stream", "infeasible"), [(True, ()), (False, ("deadline",))])
async def test_a_stream_has_to_give_only_its_first_token_in_time(
    stream: bool, infeasible: tuple[str, ...]
) -> None:
    # 50 ms to the first token, 250 to the last.
    under_test = gateway_under_test(settings=replace(SETTINGS, first_token_deadline_ms=200))

    routing = await under_test.gateway.explain(a_request(stream=stream))

    assert routing.decision.chosen == "cheap"
    assert routing.decision.infeasible == infeasible
