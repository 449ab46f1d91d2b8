"""An answer that takes too long ends in OpenAI's shape, before Ray Serve cuts it off."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from serve_app.api.time_limit import before_cut_s, time_limit_s
from serve_app.core.events import Answered
from serve_app.testing import ManualClock, Script
from tests.api.apps import CHAT, RawCaller, a_body, a_client, an_app
from tests.gateways import SETTINGS, GatewayUnderTest, gateway_under_test

LIMIT_S = 100.0
TOKENS = ("one", " two", " three", " four")


def slow_after_the_first_token(**settings: Any) -> GatewayUnderTest:
    """Each token after the first takes 60 s of the router's clock, in which no timer rings."""
    clock = ManualClock()

    async def before_token(number: int) -> None:
        if number:
            await clock.advance(60)

    script = Script(tokens=TOKENS, before_token=before_token)
    return gateway_under_test({"cheap": script}, clock=clock, **settings)


def hanging(**settings: Any) -> GatewayUnderTest:
    """No pair ever gives a token."""

    async def never(_: int) -> None:
        await asyncio.Event().wait()

    script = Script(before_token=never)
    return gateway_under_test({"cheap": script, "dear": script}, **settings)


def events_of(text: str) -> list[str]:
    return [line.removeprefix("data: ") for line in text.splitlines() if line]


def outcome(under_test: GatewayUnderTest) -> str:
    (answered,) = [each for each in under_test.events.seen if isinstance(each, Answered)]
    return answered.outcome


def test_a_stream_ends_with_an_error_event_when_its_time_is_over() -> None:
    under_test = slow_after_the_first_token(longest_answer_ms=LIMIT_S * 1e3)
    reply = a_client(under_test).post(CHAT, json=a_body(stream=True))
    *texts, error, done = events_of(reply.text)
    said = [json.loads(text)["choices"][0]["delta"]["content"] for text in texts]
    assert "".join(said) == "one two three"
    assert json.loads(error)["error"] == {
        "message": "pair 'cheap' is late: its answer takes longer than the limit of 100000 ms",
        "type": "server_error",
        "param": None,
        "code": "deadline_exceeded",
    }
    assert done == "[DONE]"
    assert outcome(under_test) == "deadline"
    assert under_test.engine.open == 0


def test_an_overdue_answer_does_not_count_against_its_pair() -> None:
    under_test = slow_after_the_first_token(longest_answer_ms=LIMIT_S * 1e3)
    client = a_client(under_test)
    for _ in range(5):
        client.post(CHAT, json=a_body(stream=True))
    assert not under_test.gateway.load_view()["cheap"].breaker_open


def test_an_answer_within_its_time_is_whole() -> None:
    under_test = slow_after_the_first_token(longest_answer_ms=181_000.0)
    reply = a_client(under_test).post(CHAT, json=a_body(stream=True))
    assert "four" in reply.text
    assert outcome(under_test) == "ok"


def test_a_requests_own_header_bounds_its_answer() -> None:
    under_test = slow_after_the_first_token()
    headers = {"x-request-timeout-seconds": "61"}
    reply = a_client(under_test).post(CHAT, json=a_body(stream=True), headers=headers)
    assert "three" not in reply.text
    assert "deadline_exceeded" in reply.text


@pytest.mark.parametrize("stream", [False, True])
def test_a_request_that_gets_nothing_in_its_time_is_504(*, stream: bool) -> None:
    # The time of one request may be shorter than that for a first token.
    settings = replace(SETTINGS, first_token_deadline_ms=3_600_000)
    under_test = hanging(longest_answer_ms=50.0, settings=settings)
    reply = a_client(under_test).post(CHAT, json=a_body(stream=stream))
    assert reply.status_code == 504
    assert reply.json()["error"]["code"] == "deadline_exceeded"
    assert under_test.engine.open == 0


async def test_a_body_that_does_not_come_in_time_is_408() -> None:
    under_test = gateway_under_test(longest_answer_ms=50.0)
    caller = RawCaller(CHAT, {})
    caller.cut_body()
    await caller.call(an_app(under_test))
    assert caller.sent[0]["status"] == 408
    assert json.loads(caller.text)["error"]["code"] == "request_timeout"


async def test_a_caller_may_stay_longer_than_a_body_may_take() -> None:
    under_test = gateway_under_test(
        {"cheap": Script(before_token=lambda _: asyncio.sleep(0.2))}, longest_answer_ms=3_600_000.0
    )
    caller = RawCaller(CHAT, a_body())
    await caller.call(an_app(under_test))
    assert caller.sent[0]["status"] == 200


@pytest.mark.parametrize(
    ("value", "limit_s"),
    [
        (b"600", 599.0),
        (b"2", 1.8),
        (b"0", None),
        (b"-1", None),
        (b"nan", None),
        (b"inf", None),
        (b"soon", None),
        (b"\xff", None),
    ],
)
def test_the_header_is_read_as_ray_serve_reads_it(value: bytes, limit_s: float | None) -> None:
    assert time_limit_s([(b"x-request-timeout-seconds", value)]) == limit_s


def test_without_the_header_a_request_sets_no_limit() -> None:
    assert time_limit_s([(b"x-other", b"1")]) is None


@pytest.mark.parametrize("timeout_s", [0.01, 1.0, 60.0, 3600.0])
def test_the_router_ends_an_answer_before_ray_serve_cuts_it(timeout_s: float) -> None:
    assert 0 < before_cut_s(timeout_s) < timeout_s
