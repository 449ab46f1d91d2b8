from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from starlette.types import Message

from serve_app.testing import ManualClock
from tests.api.apps import CHAT, RawCaller, a_body, an_app
from tests.gateways import SETTINGS, gateway_under_test


class SlowCaller(RawCaller):
    """Its body takes 40 s to come."""

    def __init__(self, path: str, body: Mapping[str, object], clock: ManualClock) -> None:
        super().__init__(path, body)
        self._clock = clock

    async def _receive(self) -> Message:
        if self._raw is not None:
            await self._clock.advance(40)
        return await super()._receive()


@pytest.mark.parametrize("path", [CHAT, "/v1/route"])
async def test_the_time_that_a_body_takes_to_come_counts_against_the_deadline(path: str) -> None:
    clock = ManualClock()
    under_test = gateway_under_test(
        settings=replace(SETTINGS, first_token_deadline_ms=60_000), clock=clock
    )
    caller = SlowCaller(path, a_body(), clock)

    await caller.call(an_app(under_test))

    if path == CHAT:
        assert under_test.gateway.recent_decisions()[0].time_left_ms == pytest.approx(20_000)
    else:
        assert '"time_left_ms":20000.0' in caller.text
