"""Callers that leave or stop reading must cost neither an engine slot nor memory."""

from __future__ import annotations

import asyncio

import pytest

from serve_app.core.events import Answered
from serve_app.testing import Script
from tests.api.apps import CHAT, RawCaller, a_body, an_app
from tests.gateways import House, a_house


class Gate:
    """Holds an engine before one of its tokens."""

    def __init__(self, at: int) -> None:
        self.reached = asyncio.Event()
        self.open = asyncio.Event()
        self._at = at

    async def before_token(self, number: int) -> None:
        if number == self._at:
            self.reached.set()
            await self.open.wait()


def check_freed(house: House) -> None:
    assert house.engine.open == 0
    assert house.load.view()["cheap"].in_flight == 0
    assert [event.outcome for event in house.events.of(Answered)] == ["disconnected"]


@pytest.mark.parametrize(("stream", "at"), [(False, 0), (False, 1), (True, 0), (True, 1)])
async def test_a_caller_that_leaves_frees_the_engines_slot(stream: bool, at: int) -> None:
    gate = Gate(at)
    house = a_house({"cheap": Script(before_token=gate.before_token)})
    caller = RawCaller(CHAT, a_body(stream=stream))
    request = asyncio.create_task(caller.call(an_app(house)))
    await gate.reached.wait()
    assert house.engine.open == 1

    caller.leave()
    await request

    check_freed(house)
    assert house.asked_pairs() == ["cheap"]


async def test_tokens_leave_while_the_engine_still_writes() -> None:
    gate = Gate(at=1)
    house = a_house({"cheap": Script(before_token=gate.before_token)})
    caller = RawCaller(CHAT, a_body(stream=True))
    request = asyncio.create_task(caller.call(an_app(house)))

    await gate.reached.wait()
    assert '"content":"Hello"' in caller.text

    gate.open.set()
    await request
    assert caller.text.endswith("data: [DONE]\n\n")


async def test_an_engine_is_not_read_further_than_its_caller_reads() -> None:
    written = 0

    async def count(number: int) -> None:
        nonlocal written
        written = number + 1
        if number == 2:
            caller.reads.clear()
            halted.set()

    halted = asyncio.Event()
    house = a_house({"cheap": Script(tokens=("x",) * 1000, before_token=count)})
    caller = RawCaller(CHAT, a_body(stream=True))
    request = asyncio.create_task(caller.call(an_app(house)))
    await halted.wait()
    for _ in range(50):
        await asyncio.sleep(0)

    assert written == 3

    caller.reads.set()
    await request
    assert written == 1000


@pytest.mark.parametrize("stream", [True, False])
async def test_a_caller_that_reads_nothing_for_too_long_is_dropped(stream: bool) -> None:
    house = a_house()
    caller = RawCaller(CHAT, a_body(stream=stream))
    caller.reads.clear()

    await caller.call(an_app(house, send_timeout_s=0.01))

    check_freed(house)
    assert caller.sent == []


async def test_a_caller_whose_connection_broke_is_dropped() -> None:
    house = a_house()
    caller = RawCaller(CHAT, a_body(stream=True))

    class Broken:
        async def wait(self) -> None:
            raise ConnectionResetError

    caller.reads = Broken()  # type: ignore[assignment]

    await caller.call(an_app(house))

    check_freed(house)


async def test_a_caller_that_leaves_before_its_body_came_is_forgotten() -> None:
    house = a_house()
    caller = RawCaller(CHAT, a_body())
    caller.cut_body()
    caller.leave()

    await caller.call(an_app(house))

    assert house.engine.calls == []
    assert house.events.seen == []
