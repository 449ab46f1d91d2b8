"""Callers that leave or stop reading must cost neither an engine slot nor memory."""

from __future__ import annotations

import asyncio

import pytest

from serve_app.core.events import Answered
from serve_app.testing import Script
from tests.api.apps import CHAT, HI, RawCaller, a_body, an_app
from tests.gateways import GatewayUnderTest, gateway_under_test


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


def check_freed(under_test: GatewayUnderTest) -> None:
    assert under_test.engine.open == 0
    assert under_test.load.view()["cheap"].in_flight == 0
    assert [event.outcome for event in under_test.events.of(Answered)] == ["disconnected"]


RESPONSE = {"model": "auto", "input": "Hi"}
MESSAGE = {"model": "auto", "messages": HI, "max_tokens": 8}


@pytest.mark.parametrize(
    ("path", "body"),
    [(CHAT, a_body()), ("/v1/responses", RESPONSE), ("/v1/messages", MESSAGE)],
    ids=["chat", "responses", "messages"],
)
@pytest.mark.parametrize(("stream", "at"), [(False, 0), (False, 1), (True, 0), (True, 1)])
async def test_a_caller_that_leaves_frees_the_engines_slot(
    stream: bool, at: int, path: str, body: dict[str, object]
) -> None:
    gate = Gate(at)
    under_test = gateway_under_test({"cheap": Script(before_token=gate.before_token)})
    caller = RawCaller(path, {**body, "stream": stream})
    request = asyncio.create_task(caller.call(an_app(under_test)))
    await gate.reached.wait()
    assert under_test.engine.open == 1

    caller.leave()
    await request

    check_freed(under_test)
    assert under_test.asked_pairs() == ["cheap"]


async def test_tokens_leave_while_the_engine_still_writes() -> None:
    gate = Gate(at=1)
    under_test = gateway_under_test({"cheap": Script(before_token=gate.before_token)})
    caller = RawCaller(CHAT, a_body(stream=True))
    request = asyncio.create_task(caller.call(an_app(under_test)))

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
    under_test = gateway_under_test({"cheap": Script(tokens=("x",) * 1000, before_token=count)})
    caller = RawCaller(CHAT, a_body(stream=True))
    request = asyncio.create_task(caller.call(an_app(under_test)))
    await halted.wait()
    for _ in range(50):
        await asyncio.sleep(0)

    assert written == 3

    caller.reads.set()
    await request
    assert written == 1000


@pytest.mark.parametrize("stream", [True, False])
async def test_a_caller_that_reads_nothing_for_too_long_is_dropped(stream: bool) -> None:
    under_test = gateway_under_test()
    caller = RawCaller(CHAT, a_body(stream=stream))
    caller.reads.clear()

    await caller.call(an_app(under_test, send_timeout_s=0.01))

    check_freed(under_test)
    assert caller.sent == []


async def test_a_caller_whose_connection_broke_is_dropped() -> None:
    under_test = gateway_under_test()
    caller = RawCaller(CHAT, a_body(stream=True))

    class Broken:
        async def wait(self) -> None:
            raise ConnectionResetError

    caller.reads = Broken()  # type: ignore[assignment]

    await caller.call(an_app(under_test))

    check_freed(under_test)


async def test_a_caller_that_leaves_before_its_body_came_is_forgotten() -> None:
    under_test = gateway_under_test()
    caller = RawCaller(CHAT, a_body())
    caller.cut_body()
    caller.leave()

    await caller.call(an_app(under_test))

    assert under_test.engine.calls == []
    assert under_test.events.seen == []
