from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from serve_app.core.breaker import BreakerSettings
from serve_app.core.errors import (
    DeadlineExceeded,
    EngineBusy,
    EngineError,
    EngineFailed,
    EngineLate,
    EngineRejected,
    Overloaded,
)
from serve_app.core.events import Answered, AttemptFailed
from serve_app.testing import Script
from tests.gateways import BREAKER, SETTINGS, GatewayUnderTest, a_request, gateway_under_test

BROKEN = Script(error=EngineFailed("cheap", "oom"))
REJECTION = EngineRejected("cheap", 400, "bad grammar", "invalid_request_error", "grammar")
SHORT_TIMEOUT = replace(SETTINGS, attempt_timeout_min_ms=10, attempt_timeout_factor=0.01)


async def forever(_: int) -> None:
    await asyncio.Event().wait()


async def served_pair(under_test: GatewayUnderTest, *, stream: bool = False) -> str:
    async with under_test.gateway.answer(a_request(stream=stream)) as answer:
        return answer.pair


async def served_pair_of(under_test: GatewayUnderTest, pair: str) -> None:
    async with under_test.gateway.answer(a_request(model=pair)):
        pass


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    "script",
    [BROKEN, Script(error=EngineBusy("cheap")), Script(tokens=())],
    ids=["broken", "full", "ends without an answer"],
)
async def test_a_pair_that_gives_no_first_token_is_followed_by_the_next(
    script: Script, stream: bool
) -> None:
    under_test = gateway_under_test({"cheap": script})

    assert await served_pair(under_test, stream=stream) == "dear"
    assert under_test.asked_pairs() == ["cheap", "dear"]
    (failed,) = under_test.events.of(AttemptFailed)
    assert failed.pair == "cheap"


async def test_every_pair_is_asked_under_its_own_name() -> None:
    under_test = gateway_under_test({"cheap": BROKEN})

    await served_pair(under_test)

    assert [call.body["model"] for _, call in under_test.engine.calls] == ["cheap", "dear"]


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({}, {"include_usage": True}),
        ({"stream_options": None}, {"include_usage": True}),
        (
            {"stream_options": {"continuous_usage_stats": True, "other": 1}},
            {"include_usage": True, "other": 1},
        ),
        (
            {"stream_options": {"include_usage": True, "continuous_usage_stats": True}},
            {"include_usage": True, "continuous_usage_stats": True},
        ),
    ],
)
async def test_every_engine_is_asked_to_end_a_stream_with_usage(
    options: dict[str, object], sent: dict[str, object]
) -> None:
    under_test = gateway_under_test({"cheap": BROKEN})

    async with under_test.gateway.answer(a_request(stream=True, body={"seed": 1, **options})):
        pass

    for pair, call in under_test.engine.calls:
        assert call.body == {"seed": 1, "model": pair, "stream_options": sent}


async def test_each_attempt_has_a_body_of_its_own() -> None:
    under_test = gateway_under_test({"cheap": BROKEN})
    body = {"model": "auto", "routing": {"preset": "chat"}, "odd": {"a": [1]}}

    async with under_test.gateway.answer(a_request(body=body)):
        pass

    assert [call.body for _, call in under_test.engine.calls] == [
        {"model": "cheap", "odd": {"a": [1]}},
        {"model": "dear", "odd": {"a": [1]}},
    ]
    assert body == {"model": "auto", "routing": {"preset": "chat"}, "odd": {"a": [1]}}


async def test_a_request_that_an_engine_rejects_is_tried_nowhere_else() -> None:
    under_test = gateway_under_test({"cheap": Script(error=REJECTION)})

    with pytest.raises(EngineRejected, match="bad grammar"):
        await served_pair(under_test)
    assert under_test.asked_pairs() == ["cheap"]


async def test_when_every_pair_fails_the_caller_learns_what_each_said() -> None:
    under_test = gateway_under_test({"cheap": BROKEN, "dear": Script(error=EngineBusy("dear"))})

    with pytest.raises(Overloaded) as caught:
        await served_pair(under_test)
    assert "'cheap' failed: oom" in caught.value.detail
    assert "'dear' is full" in caught.value.detail
    assert caught.value.retry_after_s == SETTINGS.retry_after_s


async def test_no_more_pairs_are_tried_than_allowed() -> None:
    under_test = gateway_under_test({"cheap": BROKEN}, settings=replace(SETTINGS, max_attempts=1))

    with pytest.raises(Overloaded):
        await served_pair(under_test)
    assert under_test.asked_pairs() == ["cheap"]


async def test_the_deadline_covers_the_whole_chain() -> None:
    late = Script(before_token=forever)
    under_test = gateway_under_test(
        {"cheap": BROKEN, "dear": late}, settings=replace(SETTINGS, first_token_deadline_ms=20)
    )

    with pytest.raises(DeadlineExceeded) as caught:
        await served_pair(under_test)
    assert caught.value.tried == ("cheap", "dear")
    assert under_test.engine.open == 0


async def test_a_hanging_pair_is_left_for_the_next_long_before_the_chain_ends() -> None:
    under_test = gateway_under_test({"cheap": Script(before_token=forever)}, settings=SHORT_TIMEOUT)

    assert await served_pair(under_test, stream=True) == "dear"
    (failed,) = under_test.events.of(AttemptFailed)
    assert (failed.pair, failed.reason) == ("cheap", "late")
    assert failed.detail == "pair 'cheap' is late: it gave nothing in time"
    assert under_test.engine.open == 0


async def test_a_pair_that_hangs_over_a_whole_answer_of_bounded_length_is_left_for_the_next() -> (
    None
):
    under_test = gateway_under_test({"cheap": Script(before_token=forever)}, settings=SHORT_TIMEOUT)

    async with under_test.gateway.answer(a_request(max_tokens=10)) as answer:
        assert answer.pair == "dear"

    (failed,) = under_test.events.of(AttemptFailed)
    assert failed.detail == "pair 'cheap' is late: it gave nothing in time"
    assert under_test.engine.open == 0


async def test_a_stream_that_falls_silent_midway_ends_with_an_error() -> None:
    async def hang_at_the_second(number: int) -> None:
        if number == 1:
            await forever(number)

    under_test = gateway_under_test(
        {"cheap": Script(before_token=hang_at_the_second)},
        settings=replace(SETTINGS, first_token_deadline_ms=20),
    )

    async with under_test.gateway.answer(a_request(stream=True)) as answer:
        with pytest.raises(EngineLate, match=r"it gave nothing for 0\.02 s in the middle"):
            [text async for text in answer.chunks()]

    assert under_test.engine.open == 0
    assert under_test.events.of(Answered)[-1].outcome == "failed"


async def test_the_last_pair_has_all_the_time_that_is_left() -> None:
    hanging = Script(before_token=forever)
    settings = replace(SHORT_TIMEOUT, first_token_deadline_ms=300)
    under_test = gateway_under_test({"cheap": hanging, "dear": hanging}, settings=settings)

    with pytest.raises(DeadlineExceeded) as caught:
        await served_pair(under_test, stream=True)
    assert caught.value.tried == ("cheap", "dear")
    assert [failed.reason for failed in under_test.events.of(AttemptFailed)] == [
        "late",
        "late",
    ]


async def test_a_pair_that_got_only_the_rest_of_the_time_is_not_taken_for_a_broken_one() -> None:
    async def hang_and_let_time_pass(_: int) -> None:
        await under_test.clock.advance(0.055)
        await forever(0)

    under_test = gateway_under_test(
        {
            "cheap": Script(before_token=hang_and_let_time_pass),
            "dear": Script(before_token=forever),
        },
        settings=replace(SHORT_TIMEOUT, first_token_deadline_ms=60),
        breaker=BreakerSettings(failures_to_open=1),
    )

    with pytest.raises(DeadlineExceeded):
        await served_pair(under_test, stream=True)

    loads = under_test.gateway.load_view()
    assert (loads["cheap"].breaker_open, loads["dear"].breaker_open) == (True, False)


async def test_a_pair_that_had_the_time_and_gave_nothing_is_taken_for_a_broken_one() -> None:
    async def hang_and_let_time_pass(_: int) -> None:
        await under_test.clock.advance(0.06)
        await forever(0)

    under_test = gateway_under_test(
        {"cheap": Script(before_token=hang_and_let_time_pass)},
        settings=replace(SETTINGS, first_token_deadline_ms=60, max_attempts=1),
        breaker=BreakerSettings(failures_to_open=1),
    )

    with pytest.raises(DeadlineExceeded):
        await served_pair(under_test, stream=True)

    assert under_test.gateway.load_view()["cheap"].breaker_open


async def test_a_pair_after_which_nobody_may_be_tried_is_waited_for() -> None:
    settings = replace(SHORT_TIMEOUT, first_token_deadline_ms=60)
    under_test = gateway_under_test(
        {"cheap": Script(before_token=forever), "dear": Script(error=EngineFailed("dear", "oom"))},
        settings=settings,
    )
    for _ in range(BREAKER.failures_to_open):
        with pytest.raises(Overloaded):
            await served_pair_of(under_test, "dear")

    with pytest.raises(DeadlineExceeded) as caught:
        await served_pair(under_test, stream=True)
    assert caught.value.tried == ("cheap",)


async def test_a_probe_that_the_engine_rejects_leaves_the_next_request_to_probe() -> None:
    under_test = gateway_under_test({"cheap": BROKEN})
    for _ in range(BREAKER.failures_to_open):
        await served_pair(under_test)
    await under_test.clock.advance(BREAKER.cool_down_s)
    under_test.engine.scripts["cheap"] = Script(error=REJECTION)

    with pytest.raises(EngineRejected):
        await served_pair(under_test)
    assert not under_test.gateway.load_view()["cheap"].breaker_open


async def test_the_deadline_ends_with_the_first_token_and_each_silence_has_its_own() -> None:
    async def pause(number: int) -> None:
        # All pauses together take longer than the chain may, none of them alone.
        await asyncio.sleep(0.1 if number else 0)

    under_test = gateway_under_test(
        {"cheap": Script(tokens=("a", "b", "c", "d", "e"), before_token=pause)},
        settings=replace(SETTINGS, first_token_deadline_ms=300),
    )
    async with under_test.gateway.answer(a_request(stream=True)) as answer:
        texts = [text async for text in answer.chunks()]

    assert '"content":"e"' in texts[-1]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    "error", [None, EngineFailed("cheap", "oom"), EngineBusy("cheap"), REJECTION]
)
async def test_no_slot_stays_taken_whatever_an_attempt_came_to(
    error: EngineError | None, stream: bool
) -> None:
    full = Script(error=EngineBusy("dear"))
    under_test = gateway_under_test({"cheap": Script(error=error), "dear": full})

    if error is None:
        await served_pair(under_test, stream=stream)
    else:
        with pytest.raises((Overloaded, EngineRejected)):
            await served_pair(under_test, stream=stream)

    assert under_test.engine.open == 0
    assert {load.in_flight for load in under_test.load.view().values()} == {0}


async def test_a_request_counts_as_load_only_of_the_pair_that_serves_it() -> None:
    under_test = gateway_under_test({"cheap": BROKEN})

    async with under_test.gateway.answer(a_request(stream=True)):
        loads = under_test.load.view()

    assert (loads["cheap"].in_flight, loads["dear"].in_flight) == (0, 1)


async def test_a_pair_that_keeps_failing_is_left_alone_until_its_cool_down_ends() -> None:
    under_test = gateway_under_test({"cheap": BROKEN})
    for _ in range(2):
        await served_pair(under_test)
    under_test.engine.calls.clear()

    await served_pair(under_test)
    assert under_test.asked_pairs() == ["dear"]

    under_test.engine.scripts["cheap"] = Script()
    await under_test.clock.advance(5)
    assert await served_pair(under_test) == "cheap"


async def test_a_pair_that_breaks_midway_counts_as_failing() -> None:
    under_test = gateway_under_test(
        {"cheap": Script(error=EngineFailed("cheap", "oom"), error_at=1)}
    )

    for _ in range(2):
        async with under_test.gateway.answer(a_request(stream=True)) as answer:
            with pytest.raises(EngineFailed):
                [text async for text in answer.chunks()]

    assert under_test.gateway.load_view()["cheap"].breaker_open


async def test_a_full_pair_is_not_taken_for_a_broken_one() -> None:
    under_test = gateway_under_test({"cheap": Script(error=EngineBusy("cheap"))})

    for _ in range(5):
        await served_pair(under_test)

    assert not under_test.gateway.load_view()["cheap"].breaker_open


async def test_a_failure_is_forgiven_after_a_whole_answer() -> None:
    under_test = gateway_under_test({"cheap": BROKEN})
    await served_pair(under_test)
    under_test.engine.scripts["cheap"] = Script()
    await served_pair(under_test)
    under_test.engine.scripts["cheap"] = BROKEN
    await served_pair(under_test)

    assert not under_test.gateway.load_view()["cheap"].breaker_open
