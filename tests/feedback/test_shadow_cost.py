"""Shadow grading delays nobody, leaves busy pairs alone and keeps to its budget."""

from __future__ import annotations

import asyncio

import pytest

from serve_app.core.errors import EngineFailed
from serve_app.core.events import ShadowEnded
from serve_app.core.fleet import Load
from serve_app.feedback.score_store import InMemoryScoreStore
from serve_app.gateway.answer import ClientDisconnected
from serve_app.settings import FeedbackSettings
from serve_app.state.load import Replicas
from serve_app.testing import ManualClock, Script
from tests.feedback.shadow_cases import (
    RULES,
    a_shadowed_gateway,
    enough_for_one_grading,
    grading,
    outcome,
    streamed,
)
from tests.gateways import a_request, gateway_under_test, whole


async def test_a_reference_that_hangs_delays_no_answer_and_its_slot_is_freed_at_the_end() -> None:
    asked = asyncio.Event()

    async def hang(_: int) -> None:
        asked.set()
        await asyncio.Event().wait()

    under_test = a_shadowed_gateway({"dear": Script(before_token=hang)})

    async with grading(under_test):
        await whole(under_test, a_request())
        await asked.wait()
        body = await whole(under_test, a_request())
        assert body["model"] == "cheap"
        assert under_test.load.own_in_flight() == {"cheap": 0, "dear": 1}

    assert under_test.engine.open == 0
    assert under_test.load.own_in_flight() == {"cheap": 0, "dear": 0}


async def test_a_reference_that_takes_too_long_is_given_up() -> None:
    async def hang(_: int) -> None:
        await asyncio.Event().wait()

    rules = {**RULES, "timeout_s": 0.001}
    under_test = a_shadowed_gateway({"dear": Script(before_token=hang)}, rules=rules)

    async with grading(under_test):
        await whole(under_test, a_request())
        ended = await outcome(under_test)

    assert ended.outcome == "failed"
    assert under_test.engine.open == 0


@pytest.mark.parametrize(
    "script", [Script(error=EngineFailed("dear", "oom")), Script(tokens=())], ids=["fails", "mute"]
)
async def test_grading_goes_on_after_a_failure_and_the_breaker_hears_nothing(
    script: Script,
) -> None:
    under_test = a_shadowed_gateway({"dear": script})

    async with grading(under_test):
        await whole(under_test, a_request())
        await outcome(under_test)
        under_test.engine.scripts["dear"] = Script()
        await whole(under_test, a_request())
        last = await under_test.events.wait_for(ShadowEnded, count=2)

    assert last.outcome == "graded"
    assert not under_test.gateway.load_view()["dear"].breaker_open


async def test_an_answer_its_caller_left_is_not_graded() -> None:
    under_test = a_shadowed_gateway()

    with pytest.raises(ClientDisconnected):
        async with under_test.gateway.answer(a_request(stream=True)):
            raise ClientDisconnected

    async with grading(under_test):
        await whole(under_test, a_request())
        await outcome(under_test)
    assert len(under_test.events.of(ShadowEnded)) == 1


async def test_an_answer_that_broke_is_not_graded() -> None:
    script = Script(error=EngineFailed("cheap", "oom"), error_at=1)
    under_test = a_shadowed_gateway({"cheap": script})

    with pytest.raises(EngineFailed):
        await streamed(under_test)

    assert under_test.events.of(ShadowEnded) == []


async def test_an_answer_too_long_to_keep_is_counted_and_not_asked_again() -> None:
    under_test = a_shadowed_gateway({"cheap": Script(tokens=("x" * 600_000, "y" * 600_000))})

    await streamed(under_test)

    assert [ended.outcome for ended in under_test.events.of(ShadowEnded)] == ["too_long"]


async def test_more_answers_than_can_wait_are_dropped() -> None:
    under_test = a_shadowed_gateway()

    for _ in range(3):
        await whole(under_test, a_request())

    assert [ended.outcome for ended in under_test.events.of(ShadowEnded)] == ["full", "full"]


@pytest.mark.parametrize("in_flight", [4, 8])
async def test_a_reference_with_half_its_slots_taken_is_left_alone(in_flight: int) -> None:
    under_test = a_shadowed_gateway()
    under_test.load.set_peers({"dear": in_flight})

    async with grading(under_test):
        await whole(under_test, a_request())
        ended = await outcome(under_test)

    assert ended.outcome == "busy"
    assert "dear" not in under_test.asked_pairs()


async def test_a_reference_without_a_replica_is_not_started_for_grading() -> None:
    under_test = a_shadowed_gateway()
    under_test.load.set_replicas({"cheap": Replicas(ready=1, starting=0, maximum=1)})
    assert under_test.gateway.load_view()["dear"] == Load(ready_replicas=0, max_replicas=1)

    async with grading(under_test):
        await whole(under_test, a_request())
        ended = await outcome(under_test)

    assert ended.outcome == "busy"


async def test_what_the_budget_does_not_cover_is_not_asked() -> None:
    under_test = a_shadowed_gateway(rules={**RULES, "usd_per_hour": 1e-9})

    async with grading(under_test):
        await whole(under_test, a_request())
        ended = await outcome(under_test)

    assert ended.outcome == "over_budget"
    assert "dear" not in under_test.asked_pairs()


async def test_replicas_share_the_budget() -> None:
    store, rules = (
        InMemoryScoreStore(FeedbackSettings(), ManualClock().now),
        await enough_for_one_grading(),
    )
    gateways_under_test = [
        a_shadowed_gateway(rules=rules, store=store, replica=replica) for replica in "ab"
    ]
    for under_test in (*gateways_under_test, *gateways_under_test):
        await under_test.feedback.exchange()

    for under_test in gateways_under_test:
        async with grading(under_test):
            await whole(under_test, a_request())
            assert (await outcome(under_test)).outcome == "over_budget"


async def test_a_replica_alone_has_the_whole_budget() -> None:
    under_test = a_shadowed_gateway(rules=await enough_for_one_grading())

    async with grading(under_test):
        await whole(under_test, a_request())
        assert (await outcome(under_test)).outcome == "graded"


async def test_what_grading_costs_is_a_line_of_its_own() -> None:
    under_test = a_shadowed_gateway()
    async with grading(under_test):
        await whole(under_test, a_request())
        ended = await outcome(under_test)

    account = under_test.gateway.ledger.account()

    assert account.shadow.answers == 1
    assert account.shadow.cost_usd == ended.cost_usd > 0
    assert set(account.pairs) == {"cheap"}
    assert account.total.cost_usd == account.pairs["cheap"].cost_usd


async def test_without_a_share_nothing_is_drawn() -> None:
    under_test = gateway_under_test(chance=lambda: pytest.fail("nobody should draw"))

    await whole(under_test, a_request())

    assert under_test.shadow is None
