"""A share of answers is graded by the reference pair, and no caller ever notices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from serve_app.core.engine_errors import EngineFailed
from serve_app.core.events import FeedbackTaken, ShadowEnded
from serve_app.core.fleet import Load
from serve_app.service.answer import CallerGone
from serve_app.service.feedback_desk import MemoryDesk
from serve_app.service.feedback_settings import DeskSettings, FeedbackRules, ShadowRules
from serve_app.service.load import Replicas
from serve_app.testing import ManualClock, Script
from tests.builders import a_catalog, a_pair, a_profile, an_accuracy
from tests.gateways import CATALOG, SETTINGS, House, a_house, an_inbound, whole

RULES = ShadowRules(reference="dear", share=0.5, usd_per_hour=1.0)
BELIEVED = CATALOG.profiles["cheap"].accuracy["overall"].mean


def a_shadowed_house(
    scripts: dict[str, Script] | None = None,
    *,
    rules: ShadowRules = RULES,
    replica: str = "",
    chance: Callable[[], float] = lambda: 0.0,
    **fields: Any,
) -> House:
    settings = replace(SETTINGS, feedback=FeedbackRules(shadow=rules, replica=replica))
    return a_house(scripts, settings=settings, chance=chance, **fields)


@asynccontextmanager
async def grading(house: House) -> AsyncIterator[None]:
    """Runs what runs in the background of a gateway, except for the exchange with the desk."""
    exchange, shadow = house.gateway.background()
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


async def enough_for_one_grading() -> ShadowRules:
    """What a tenth of an hour saves is more than one grading costs, and less than two."""
    house = a_shadowed_house()
    decision = (await house.gateway.explain(an_inbound())).decision
    (usd,) = [c.prediction.cost_usd for c in decision.ranked if c.pair == "dear" and c.prediction]
    return replace(RULES, usd_per_hour=15 * usd)


async def graded(house: House) -> float:
    """The score of one answer."""
    async with grading(house):
        await whole(house, an_inbound())
        ended = await outcome(house)
    assert (ended.pair, ended.outcome) == ("cheap", "graded")
    (taken,) = house.events.of(FeedbackTaken)
    assert (taken.pair, taken.source) == ("cheap", "shadow")
    return taken.score


async def test_an_answer_that_says_the_same_is_likelier_right_than_was_believed() -> None:
    assert BELIEVED < await graded(a_shadowed_house()) < 1


async def test_an_answer_that_says_something_else_is_less_likely_right_and_not_simply_wrong() -> (
    None
):
    house = a_shadowed_house({"dear": Script(tokens=("Quite", " different"))})

    assert 0 < await graded(house) < BELIEVED


async def test_a_score_weighs_as_much_as_it_tells() -> None:
    house = a_shadowed_house()
    await graded(house)
    await house.gateway.feedback.exchange()

    (tally,) = house.gateway.feedback.catalogs.news.tallies.values()

    assert 0 < tally.shadows.weight < 0.5


async def test_a_stream_is_graded_as_a_whole_answer_of_the_reference() -> None:
    house = a_shadowed_house()

    async with grading(house):
        texts = await streamed(house)
        await outcome(house)

    assert len(texts) > 2
    pair, call = house.engine.calls[1]
    assert (pair, call.stream, call.body["model"]) == ("dear", False, "dear")
    assert "stream_options" not in call.body
    assert len(house.events.of(FeedbackTaken)) == 1


async def test_agreeing_with_a_reference_that_callers_found_wrong_says_less() -> None:
    dear = a_profile("dear", accuracy={"conversation": an_accuracy(0.9, items=4)})
    scores = []
    for bad_answers in (0, 10):
        house = a_shadowed_house(catalog=a_catalog(CATALOG.profiles["cheap"], dear))
        for _ in range(bad_answers):
            await whole(house, an_inbound(model="dear"))
            await house.gateway.feedback.take(house.gateway.recent_decisions()[0].id, 0.0)
        await house.gateway.feedback.exchange()
        async with grading(house):
            await whole(house, an_inbound())
            await outcome(house)
        scores.append(house.events.of(FeedbackTaken)[-1].score)

    assert scores[1] < scores[0]


async def test_only_the_drawn_share_is_graded() -> None:
    draws = iter([0.5, 0.49, 0.9])
    house = a_shadowed_house(chance=lambda: next(draws))

    async with grading(house):
        for _ in range(3):
            await whole(house, an_inbound())
        await outcome(house)

    assert house.asked_pairs().count("dear") == 1


async def test_the_reference_pairs_own_answers_are_not_graded() -> None:
    house = a_shadowed_house()

    await whole(house, an_inbound(model="dear"))

    assert house.events.of(ShadowEnded) == []


@pytest.mark.parametrize("asked", [{"n": 2}, {"echo": True}, {"prompt": ["one", "two"]}], ids=str)
async def test_what_is_not_one_answer_to_one_prompt_is_not_graded(asked: dict[str, object]) -> None:
    house = a_shadowed_house()
    inbound = an_inbound()

    await whole(house, replace(inbound, body={**inbound.body, **asked}))

    assert house.events.of(ShadowEnded) == []


async def test_an_answer_of_a_pair_that_nobody_measured_is_not_graded() -> None:
    house = a_shadowed_house(catalog=a_catalog(CATALOG.profiles["dear"]))

    await whole(house, an_inbound(model="cheap"))

    assert house.events.of(ShadowEnded) == []


async def test_the_reference_is_not_asked_for_log_probabilities_that_nobody_compares() -> None:
    house = a_shadowed_house()
    inbound = an_inbound()

    async with grading(house):
        await whole(house, replace(inbound, body={**inbound.body, "logprobs": True}))
        await outcome(house)

    _, call = house.engine.calls[1]
    assert "logprobs" not in call.body


async def test_an_answer_that_was_cut_off_is_neither_asked_again_nor_graded() -> None:
    house = a_shadowed_house({"cheap": Script(finish="length")})

    async with grading(house):
        await whole(house, an_inbound())
        ended = await outcome(house)

    assert (ended.outcome, ended.cost_usd) == ("cut_off", 0.0)
    assert "dear" not in house.asked_pairs()


@pytest.mark.parametrize(
    "script", [Script(finish="length"), Script(tokens=(" ",))], ids=["cut off", "empty"]
)
async def test_a_reference_that_was_cut_off_or_says_nothing_grades_nobody(script: Script) -> None:
    house = a_shadowed_house({"dear": script})

    async with grading(house):
        await whole(house, an_inbound())
        ended = await outcome(house)

    assert ended.outcome == "cut_off"
    assert ended.cost_usd > 0
    assert house.events.of(FeedbackTaken) == []


async def test_an_empty_answer_is_graded_as_one_that_says_something_else() -> None:
    assert await graded(a_shadowed_house({"cheap": Script(tokens=("",))})) < BELIEVED


async def test_a_reference_that_tells_no_usage_spends_what_was_predicted() -> None:
    rules = await enough_for_one_grading()
    house = a_shadowed_house({"dear": Script(tells_usage=False)}, rules=rules)

    async with grading(house):
        await whole(house, an_inbound())
        await outcome(house)
        await whole(house, an_inbound())
        second = await house.events.wait_for(ShadowEnded, count=2)

    assert second.outcome == "over_budget"


async def test_an_answer_of_the_static_fallback_is_not_graded() -> None:
    house = a_shadowed_house(catalog=None, pairs=(a_pair("other"), a_pair("dear")))

    await whole(house, an_inbound(model="other"))

    assert house.events.of(ShadowEnded) == []


async def test_a_request_that_needs_what_the_reference_lacks_is_not_graded() -> None:
    pairs = (a_pair("cheap"), a_pair("dear", capabilities=()))
    house = a_shadowed_house(pairs=pairs)

    await whole(house, an_inbound(needs={"tools": "tools"}))

    assert house.events.of(ShadowEnded) == []


async def test_a_reference_that_hangs_delays_no_answer_and_its_slot_is_freed_at_the_end() -> None:
    asked = asyncio.Event()

    async def hang(_: int) -> None:
        asked.set()
        await asyncio.Event().wait()

    house = a_shadowed_house({"dear": Script(before_token=hang)})

    async with grading(house):
        await whole(house, an_inbound())
        await asked.wait()
        body = await whole(house, an_inbound())
        assert body["model"] == "cheap"
        assert house.load.own_in_flight() == {"cheap": 0, "dear": 1}

    assert house.engine.open == 0
    assert house.load.own_in_flight() == {"cheap": 0, "dear": 0}


async def test_a_reference_that_takes_too_long_is_given_up() -> None:
    async def hang(_: int) -> None:
        await asyncio.Event().wait()

    rules = replace(RULES, timeout_s=0.001)
    house = a_shadowed_house({"dear": Script(before_token=hang)}, rules=rules)

    async with grading(house):
        await whole(house, an_inbound())
        ended = await outcome(house)

    assert ended.outcome == "failed"
    assert house.engine.open == 0


@pytest.mark.parametrize(
    "script", [Script(error=EngineFailed("dear", "oom")), Script(tokens=())], ids=["fails", "mute"]
)
async def test_grading_goes_on_after_a_failure_and_the_breaker_hears_nothing(
    script: Script,
) -> None:
    house = a_shadowed_house({"dear": script})

    async with grading(house):
        await whole(house, an_inbound())
        await outcome(house)
        house.engine.scripts["dear"] = Script()
        await whole(house, an_inbound())
        last = await house.events.wait_for(ShadowEnded, count=2)

    assert last.outcome == "graded"
    assert not house.gateway.load_view()["dear"].breaker_open


async def test_an_answer_its_caller_left_is_not_graded() -> None:
    house = a_shadowed_house()

    with pytest.raises(CallerGone):
        async with house.gateway.answer(an_inbound(stream=True)):
            raise CallerGone

    async with grading(house):
        await whole(house, an_inbound())
        await outcome(house)
    assert len(house.events.of(ShadowEnded)) == 1


async def test_an_answer_that_broke_is_not_graded() -> None:
    script = Script(error=EngineFailed("cheap", "oom"), error_at=1)
    house = a_shadowed_house({"cheap": script})

    with pytest.raises(EngineFailed):
        await streamed(house)

    assert house.events.of(ShadowEnded) == []


async def test_an_answer_too_long_to_keep_is_counted_and_not_asked_again() -> None:
    house = a_shadowed_house({"cheap": Script(tokens=("x" * 600_000, "y" * 600_000))})

    await streamed(house)

    assert [ended.outcome for ended in house.events.of(ShadowEnded)] == ["too_long"]


async def test_more_answers_than_can_wait_are_dropped() -> None:
    house = a_shadowed_house()

    for _ in range(3):
        await whole(house, an_inbound())

    assert [ended.outcome for ended in house.events.of(ShadowEnded)] == ["full", "full"]


@pytest.mark.parametrize("in_flight", [4, 8])
async def test_a_reference_with_half_its_slots_taken_is_left_alone(in_flight: int) -> None:
    house = a_shadowed_house()
    house.load.set_peers({"dear": in_flight})

    async with grading(house):
        await whole(house, an_inbound())
        ended = await outcome(house)

    assert ended.outcome == "busy"
    assert "dear" not in house.asked_pairs()


async def test_a_reference_without_a_replica_is_not_started_for_grading() -> None:
    house = a_shadowed_house()
    house.load.set_replicas({"cheap": Replicas(ready=1, starting=0, maximum=1)})
    assert house.gateway.load_view()["dear"] == Load(ready_replicas=0, max_replicas=1)

    async with grading(house):
        await whole(house, an_inbound())
        ended = await outcome(house)

    assert ended.outcome == "busy"


async def test_what_the_budget_does_not_cover_is_not_asked() -> None:
    house = a_shadowed_house(rules=replace(RULES, usd_per_hour=1e-9))

    async with grading(house):
        await whole(house, an_inbound())
        ended = await outcome(house)

    assert ended.outcome == "over_budget"
    assert "dear" not in house.asked_pairs()


async def test_replicas_share_the_budget() -> None:
    desk, rules = MemoryDesk(DeskSettings(), ManualClock().now), await enough_for_one_grading()
    houses = [a_shadowed_house(rules=rules, desk=desk, replica=replica) for replica in "ab"]
    for house in (*houses, *houses):
        await house.gateway.feedback.exchange()

    for house in houses:
        async with grading(house):
            await whole(house, an_inbound())
            assert (await outcome(house)).outcome == "over_budget"


async def test_a_replica_alone_has_the_whole_budget() -> None:
    house = a_shadowed_house(rules=await enough_for_one_grading())

    async with grading(house):
        await whole(house, an_inbound())
        assert (await outcome(house)).outcome == "graded"


async def test_what_grading_costs_is_a_line_of_its_own() -> None:
    house = a_shadowed_house()
    async with grading(house):
        await whole(house, an_inbound())
        ended = await outcome(house)

    account = house.gateway.ledger.account()

    assert account.shadow.answers == 1
    assert account.shadow.cost_usd == ended.cost_usd > 0
    assert set(account.pairs) == {"cheap"}
    assert account.total.cost_usd == account.pairs["cheap"].cost_usd


async def test_without_a_share_nothing_is_drawn() -> None:
    house = a_house(chance=lambda: pytest.fail("nobody should draw"))

    await whole(house, an_inbound())

    (exchange,) = house.gateway.background()
    asyncio.ensure_future(exchange).cancel()
