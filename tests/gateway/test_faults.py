"""What follows from each kind of fault: the rows of the table in `docs/understand/faults.md`."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from serve_app.core.breaker import BreakerSettings
from serve_app.core.errors import (
    DeadlineExceeded,
    EngineBusy,
    EngineError,
    EngineFailed,
    EngineRejected,
    NeverServable,
    Overloaded,
    PoisonRequest,
)
from serve_app.core.events import Answered, AttemptFailed, PoisonFound
from serve_app.core.profile import GoldenResult
from serve_app.core.request import Constraints
from serve_app.state.breakers import BreakerStatus
from serve_app.state.load import Replicas
from serve_app.testing import Script
from tests.builders import a_catalog, a_pair, a_profile
from tests.gateways import (
    BREAKER,
    PAIRS,
    SETTINGS,
    GatewayUnderTest,
    a_request,
    gateway_under_test,
    whole,
)

THREE = (*PAIRS, a_pair("other"))
CATALOG_OF_THREE = a_catalog(
    a_profile("cheap", usd_per_hour=0.1),
    a_profile("dear", usd_per_hour=1.0),
    a_profile("other", usd_per_hour=5.0),
)
WRONG = EngineRejected("cheap", 400, "`tools` must not be an empty array.", "t", "tools")
OWN_WINDOW = "This model's maximum context length is 2048 tokens. However, you requested 2100"
ONE_FAILURE = BreakerSettings(failures_to_open=1, half_open_probes=1, slow_start_s=0)
HASTY = replace(SETTINGS, attempt_timeout_min_ms=10, attempt_timeout_factor=0.01)


def of_three(**scripts: Script) -> GatewayUnderTest:
    return gateway_under_test(scripts, pairs=THREE, catalog=CATALOG_OF_THREE)


def breaking(pair: str) -> Script:
    return Script(error=EngineFailed(pair, "oom"))


def breakers(under_test: GatewayUnderTest) -> dict[str, BreakerStatus]:
    return dict(under_test.gateway.status.breakers())


async def served_by(under_test: GatewayUnderTest, **changes: object) -> str:
    async with under_test.gateway.answer(a_request(**changes)) as answer:
        return answer.pair


async def forever(_: int) -> None:
    await asyncio.Event().wait()


async def test_a_wrong_request_asks_one_pair_and_touches_no_breaker() -> None:
    under_test = gateway_under_test({"cheap": Script(error=WRONG)}, breaker=ONE_FAILURE)
    before = breakers(under_test)

    for _ in range(10):
        with pytest.raises(EngineRejected) as refused:
            await whole(under_test, a_request())

    assert refused.value.param == "tools"
    assert refused.value.decision_id is not None
    assert set(under_test.asked_pairs()) == {"cheap"}
    assert breakers(under_test) == before
    assert {event.outcome for event in under_test.events.of(Answered)} == {"rejected"}


async def test_a_pair_that_cannot_is_followed_by_one_that_can() -> None:
    error = EngineRejected("cheap", 400, OWN_WINDOW, "BadRequestError", None)
    under_test = gateway_under_test({"cheap": Script(error=error)}, breaker=ONE_FAILURE)
    before = breakers(under_test)

    assert await served_by(under_test) == "dear"
    assert breakers(under_test)["cheap"] == before["cheap"]
    (failed,) = under_test.events.of(AttemptFailed)
    assert (failed.pair, failed.reason) == ("cheap", "pair")


async def test_a_request_that_no_pair_can_serve_is_wrong() -> None:
    under_test = gateway_under_test(
        {
            pair: Script(error=EngineRejected(pair, 400, OWN_WINDOW, "t", "messages"))
            for pair in ("cheap", "dear")
        }
    )

    with pytest.raises(EngineRejected, match="maximum context length"):
        await whole(under_test, a_request())
    assert under_test.asked_pairs() == ["cheap", "dear"]


async def test_a_pair_that_cannot_takes_no_attempt_from_those_that_can() -> None:
    error = EngineRejected("cheap", 400, OWN_WINDOW, "t", None)
    under_test = gateway_under_test(
        {"cheap": Script(error=error)}, settings=replace(SETTINGS, max_attempts=1)
    )

    assert await served_by(under_test) == "dear"


async def test_a_request_that_a_busy_pair_might_serve_may_come_back() -> None:
    error = EngineRejected("cheap", 400, OWN_WINDOW, "t", None)
    under_test = gateway_under_test(
        {"cheap": Script(error=error), "dear": Script(error=EngineBusy("dear"))}
    )

    with pytest.raises(Overloaded):
        await whole(under_test, a_request())


async def test_a_request_that_an_open_pair_might_serve_may_come_back() -> None:
    error = EngineRejected("cheap", 400, OWN_WINDOW, "t", None)
    under_test = gateway_under_test({"dear": breaking("dear")}, breaker=ONE_FAILURE)
    with pytest.raises(Overloaded):
        await whole(under_test, a_request(model="dear"))
    under_test.engine.scripts["cheap"] = Script(error=error)

    with pytest.raises(Overloaded):
        await whole(under_test, a_request())


async def test_a_busy_probe_leaves_the_next_request_to_probe_at_once() -> None:
    under_test = gateway_under_test({"cheap": breaking("cheap")}, breaker=ONE_FAILURE)
    await whole(under_test, a_request())
    await under_test.clock.advance(ONE_FAILURE.cool_down_s)
    under_test.engine.scripts["cheap"] = Script(error=EngineBusy("cheap"))
    assert await served_by(under_test) == "dear"

    under_test.engine.scripts["cheap"] = Script()

    assert await served_by(under_test) == "cheap"
    assert breakers(under_test)["cheap"].state == "closed"


async def test_a_probe_whose_caller_leaves_shows_nothing() -> None:
    under_test = gateway_under_test({"cheap": breaking("cheap")}, breaker=ONE_FAILURE)
    await whole(under_test, a_request())
    await under_test.clock.advance(ONE_FAILURE.cool_down_s)
    asked = asyncio.Event()

    async def hang(_: int) -> None:
        asked.set()
        await forever(0)

    under_test.engine.scripts["cheap"] = Script(before_token=hang)
    probe = asyncio.create_task(whole(under_test, a_request()))
    await asked.wait()
    probe.cancel()
    await asyncio.wait([probe])

    assert not under_test.gateway.load_view()["cheap"].breaker_open


async def test_long_whole_answers_leave_the_breaker_of_their_pair_closed() -> None:
    async def take_long(_: int) -> None:
        await under_test.clock.advance(60)
        await forever(0)

    under_test = gateway_under_test(
        {"cheap": Script(before_token=take_long)},
        settings=replace(HASTY, first_token_deadline_ms=20),
        breaker=ONE_FAILURE,
    )

    for _ in range(5):
        with pytest.raises(DeadlineExceeded):
            await whole(under_test, a_request(model="cheap"))

    assert breakers(under_test)["cheap"].failures == 0


async def test_streams_that_are_late_while_others_get_text_do_not_count() -> None:
    """One stream gets texts all the time; the others wait for their first."""
    may_speak = asyncio.Event()

    async def speak_for_the_first(number: int) -> None:
        if len(under_test.engine.calls) > 1 and number == 0:
            await under_test.clock.advance(0.004)
            may_speak.set()
            await forever(0)
        if number == 1:
            await may_speak.wait()

    under_test = gateway_under_test(
        {"cheap": Script(before_token=speak_for_the_first)},
        settings=HASTY,
        breaker=ONE_FAILURE,
    )
    async with under_test.gateway.answer(a_request(stream=True)) as first:
        assert first.pair == "cheap"
        reading = asyncio.create_task(_read(first.chunks()))
        assert await served_by(under_test, stream=True) == "dear"
        await reading

    assert breakers(under_test)["cheap"].state == "closed"
    assert [event.reason for event in under_test.events.of(AttemptFailed)] == ["late"]


async def test_a_pair_that_gives_no_stream_anything_is_broken_and_counted_once() -> None:
    waiting = 0

    async def hang_until_all_wait(_: int) -> None:
        nonlocal waiting
        waiting += 1
        if waiting == 6:
            await under_test.clock.advance(1)
        await forever(0)

    under_test = gateway_under_test(
        {"cheap": Script(before_token=hang_until_all_wait)}, settings=HASTY
    )
    requests = [served_by(under_test, stream=True) for _ in range(6)]

    assert await asyncio.gather(*requests) == ["dear"] * 6
    assert breakers(under_test)["cheap"].failures == 1
    reasons = [event.reason for event in under_test.events.of(AttemptFailed)]
    assert sorted(reasons) == ["broken", *["late"] * 5]


async def test_a_pair_that_stays_silent_is_left_alone() -> None:
    async def hang(_: int) -> None:
        await under_test.clock.advance(1)
        await forever(0)

    under_test = gateway_under_test({"cheap": Script(before_token=hang)}, settings=HASTY)
    for _ in range(BREAKER.failures_to_open):
        assert await served_by(under_test, stream=True) == "dear"

    assert under_test.gateway.load_view()["cheap"].breaker_open


async def test_a_pair_that_still_starts_is_late_and_not_broken() -> None:
    async def hang(_: int) -> None:
        await under_test.clock.advance(1)
        await forever(0)

    under_test = gateway_under_test(
        {"cheap": Script(before_token=hang)},
        settings=replace(HASTY, first_token_deadline_ms=20),
        breaker=ONE_FAILURE,
        ready=False,
    )

    with pytest.raises(DeadlineExceeded):
        await served_by(under_test, model="cheap", stream=True)
    assert breakers(under_test)["cheap"].state == "closed"


async def test_a_broken_pair_is_followed_by_the_next_and_counted() -> None:
    under_test = gateway_under_test({"cheap": breaking("cheap")})

    assert await served_by(under_test) == "dear"
    assert breakers(under_test)["cheap"].failures == 1
    assert [event.reason for event in under_test.events.of(AttemptFailed)] == ["broken"]


@pytest.mark.parametrize("stream", [True, False])
async def test_a_request_that_breaks_two_pairs_is_stopped_and_no_breaker_moves(
    stream: bool,
) -> None:
    under_test = of_three(cheap=breaking("cheap"), dear=breaking("dear"))
    before = breakers(under_test)

    for _ in range(10):
        with pytest.raises(PoisonRequest) as poison:
            await served_by(under_test, stream=stream)

    assert poison.value.pairs == ("cheap", "dear")
    assert "other" not in under_test.asked_pairs()
    assert breakers(under_test) == before
    assert len(under_test.events.of(PoisonFound)) == 10
    assert under_test.events.of(Answered)[-1].outcome == "failed"


async def test_two_pairs_that_break_on_many_different_requests_are_broken() -> None:
    under_test = of_three(cheap=breaking("cheap"), dear=breaking("dear"))
    for number in range(BREAKER.failures_to_open):
        with pytest.raises(PoisonRequest):
            await served_by(under_test, body={"seed": number})

    for number in range(10, 10 + BREAKER.failures_to_open):
        assert await served_by(under_test, body={"seed": number}) == "other"

    loads = under_test.gateway.load_view()
    assert [pair for pair, load in loads.items() if load.breaker_open] == ["cheap", "dear"]


@pytest.mark.parametrize(
    ("error", "failures"),
    [
        (EngineFailed("cheap", "oom"), 1),
        (EngineRejected("cheap", 400, "not JSON compliant", "t", None), 0),
        (EngineBusy("cheap"), 0),
    ],
)
async def test_an_error_after_the_first_token_counts_if_the_pair_broke(
    error: EngineError, failures: int
) -> None:
    under_test = gateway_under_test({"cheap": Script(error=error, error_at=1)})

    async with under_test.gateway.answer(a_request(stream=True)) as answer:
        with pytest.raises(type(error)):
            await _read(answer.chunks())

    assert breakers(under_test)["cheap"].failures == failures


async def test_pairs_that_failed_their_golden_set_do_not_ask_the_caller_to_come_back() -> None:
    failed = GoldenResult(passed=False, reason="answers differ")
    under_test = gateway_under_test(
        catalog=a_catalog(*(a_profile(pair.id, golden=failed) for pair in PAIRS))
    )

    with pytest.raises(NeverServable, match="golden"):
        await whole(under_test, a_request())


async def test_a_floor_that_no_measured_pair_can_be_held_to_is_refused_for_good() -> None:
    under_test = gateway_under_test(catalog=a_catalog())

    with pytest.raises(NeverServable, match="profile"):
        await whole(under_test, a_request(constraints=Constraints(min_accuracy=0.5)))


async def test_one_pair_that_may_come_back_makes_a_refusal_temporary() -> None:
    failed = GoldenResult(passed=False, reason="answers differ")
    under_test = gateway_under_test(
        catalog=a_catalog(a_profile("cheap", golden=failed), a_profile("dear")),
    )
    gone = Replicas(ready=0, starting=0, maximum=0)
    under_test.load.set_replicas({pair.id: gone for pair in PAIRS})

    with pytest.raises(Overloaded):
        await whole(under_test, a_request())


async def _read(chunks: object) -> list[object]:
    return [json.loads(text) async for text in chunks]  # type: ignore[attr-defined]
