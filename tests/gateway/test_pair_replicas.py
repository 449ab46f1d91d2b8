"""Replicas of one pair that die or hang, and what becomes of the pair."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest

from serve_app.core.breaker import BreakerSettings
from serve_app.core.errors import DeadlineExceeded, EngineFailed
from serve_app.core.events import AttemptFailed
from serve_app.core.ports import EngineCall
from serve_app.state.breakers import BreakerStatus
from serve_app.testing import Script
from tests.builders import a_catalog, a_profile
from tests.gateways import SETTINGS, GatewayUnderTest, a_request, gateway_under_test, whole

FOUR = ("r1", "r2", "r3", "r4")
HASTY = replace(SETTINGS, attempt_timeout_min_ms=10, attempt_timeout_factor=0.01)
THREE_FAILURES = BreakerSettings(failures_to_open=3)


async def forever(_: int) -> None:
    await asyncio.Event().wait()


def with_replicas(**scripts: Script) -> GatewayUnderTest:
    """Four replicas of `cheap`, some of them with a script of their own."""
    return gateway_under_test(
        {f"cheap/{replica}": script for replica, script in scripts.items()},
        replicas={"cheap": FOUR},
        settings=HASTY,
        breaker=THREE_FAILURES,
    )


def cheap(under_test: GatewayUnderTest) -> BreakerStatus:
    return under_test.gateway.status.breakers()["cheap"]


def placed(under_test: GatewayUnderTest, since: int = 0) -> list[str | None]:
    """The replicas that got the calls to `cheap`."""
    calls: list[tuple[str, EngineCall]] = under_test.engine.calls[since:]
    return [call.placement.replica for pair, call in calls if pair == "cheap"]


async def read_all(chunks: AsyncGenerator[str, None]) -> None:
    async for _ in chunks:
        pass


async def read(under_test: GatewayUnderTest) -> None:
    async with under_test.gateway.answer(a_request(stream=True)) as answer:
        await read_all(answer.chunks())


async def test_a_replica_that_dies_with_five_streams_leaves_its_pair_in_use() -> None:
    dying, breaks = asyncio.Event(), Script(error=EngineFailed("cheap", "RayActorError"))

    async def die(number: int) -> None:
        if number == 1:
            await dying.wait()

    under_test = with_replicas(r1=replace(breaks, error_at=1, before_token=die))
    streams = [asyncio.create_task(read(under_test)) for _ in range(20)]
    await asyncio.sleep(0.01)
    dying.set()
    ended = await asyncio.gather(*streams, return_exceptions=True)

    assert [type(each) for each in ended if each is not None] == [EngineFailed] * 5
    status = cheap(under_test)
    assert (status.state, status.replicas["r1"].state) == ("closed", "open")
    assert not under_test.gateway.load_view()["cheap"].breaker_open


@pytest.mark.parametrize("stream", [True, False], ids=["streams", "whole answers"])
async def test_a_replica_that_hangs_does_not_stay_in_use(stream: bool) -> None:
    async def hang(_: int) -> None:
        await under_test.clock.advance(1)
        await forever(0)

    under_test = with_replicas(r1=Script(before_token=hang))
    request = a_request(stream=stream, max_tokens=5)
    for _ in range(12):
        await whole(under_test, request)
    assert placed(under_test).count("r1") == 3
    assert cheap(under_test).replicas["r1"].state == "open"

    seen = len(under_test.engine.calls)
    for _ in range(12):
        await whole(under_test, request)

    assert placed(under_test, seen) == ["r2", "r3", "r4"] * 4
    assert cheap(under_test).state == "closed"


async def test_a_replica_is_silent_although_the_others_give_text() -> None:
    """Texts of the other replicas say nothing of the one that hangs."""

    async def hang(_: int) -> None:
        await under_test.clock.advance(1)
        under_test.engine.scripts["cheap/r1"] = Script()
        await read(under_test)
        under_test.engine.scripts["cheap/r1"] = Script(before_token=hang)
        await forever(0)

    under_test = with_replicas(r1=Script(before_token=hang))
    async with under_test.gateway.answer(a_request(stream=True)) as answer:
        assert answer.pair == "dear"

    (failed,) = under_test.events.of(AttemptFailed)
    assert (failed.pair, failed.reason) == ("cheap", "broken")
    assert cheap(under_test).replicas["r1"].failures == 1


async def test_a_replica_that_gives_text_to_another_stream_is_late_and_not_broken() -> None:
    may_speak = asyncio.Event()

    async def speak_to_the_first(number: int) -> None:
        if len(under_test.engine.calls) > 1 and number == 0:
            await under_test.clock.advance(1)
            may_speak.set()
            await forever(0)
        if number == 1:
            await may_speak.wait()

    under_test = with_replicas(r1=Script(before_token=speak_to_the_first))
    async with under_test.gateway.answer(a_request(stream=True)) as first:
        under_test.engine.replicas["cheap"] = list(FOUR)
        reading = asyncio.create_task(read_all(first.chunks()))
        async with under_test.gateway.answer(a_request(stream=True)) as second:
            assert second.pair == "dear"
        await reading

    assert placed(under_test) == ["r1", "r1"]
    assert [event.reason for event in under_test.events.of(AttemptFailed)] == ["late"]


async def test_a_prompt_that_was_predicted_to_take_long_shows_no_silence() -> None:
    async def read_the_prompt(_: int) -> None:
        await under_test.clock.advance(20)
        await forever(0)

    slow = a_catalog(
        a_profile("cheap", usd_per_hour=0.1, ttft_ms=30_000), a_profile("dear", usd_per_hour=1.0)
    )
    under_test = gateway_under_test(
        {"cheap": Script(before_token=read_the_prompt)},
        catalog=slow,
        settings=replace(SETTINGS, first_token_deadline_ms=50),
        breaker=THREE_FAILURES,
    )
    with pytest.raises(DeadlineExceeded):
        await whole(under_test, a_request(model="cheap", stream=True))

    assert cheap(under_test).failures == 0


async def test_a_whole_answer_of_any_length_leaves_time_for_the_next_pair() -> None:
    under_test = gateway_under_test(
        {"cheap": Script(before_token=forever)},
        settings=replace(SETTINGS, first_token_deadline_ms=2_000, attempt_share=0.1),
    )
    async with under_test.gateway.answer(a_request()) as answer:
        assert answer.pair == "dear"

    assert [event.reason for event in under_test.events.of(AttemptFailed)] == ["late"]
    assert cheap(under_test).failures == 0


async def test_a_request_that_no_replica_has_taken_shows_no_silence() -> None:
    async def wait_for_room(_: int) -> None:
        pair, call = under_test.engine.calls[-1]
        assert pair == "cheap"
        call.placement.replica = None
        await under_test.clock.advance(60)
        await forever(0)

    under_test = with_replicas(**dict.fromkeys(FOUR, Script(before_token=wait_for_room)))
    for _ in range(9):
        async with under_test.gateway.answer(a_request(stream=True)) as answer:
            assert answer.pair == "dear"

    assert {event.reason for event in under_test.events.of(AttemptFailed)} == {"late"}
    assert cheap(under_test).state == "closed"


async def test_a_pair_that_hangs_under_whole_answers_alone_is_left_alone() -> None:
    async def hang(_: int) -> None:
        await under_test.clock.advance(10)
        await forever(0)

    under_test = gateway_under_test(
        {"cheap": Script(before_token=hang)}, settings=HASTY, breaker=THREE_FAILURES
    )
    for _ in range(3):
        async with under_test.gateway.answer(a_request(max_tokens=10)) as answer:
            assert answer.pair == "dear"

    assert under_test.gateway.load_view()["cheap"].breaker_open


async def test_a_whole_answer_within_the_time_of_its_greatest_length_is_no_silence() -> None:
    """60 s pass for up to 3,000 tokens, which may take 120 s."""

    async def take_long(_: int) -> None:
        await under_test.clock.advance(60)
        await forever(0)

    under_test = gateway_under_test(
        {"cheap": Script(before_token=take_long)},
        settings=replace(SETTINGS, first_token_deadline_ms=20),
        breaker=THREE_FAILURES,
    )
    for _ in range(5):
        with pytest.raises(DeadlineExceeded):
            await whole(under_test, a_request(model="cheap", max_tokens=3_000))

    assert cheap(under_test).failures == 0
