from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import replace

import pytest

from serve_app.core.cost import Usage
from serve_app.core.errors import (
    BadRequest,
    ContextTooLong,
    EngineFailed,
    EngineRejected,
    Infeasible,
    Overloaded,
    UnknownModel,
)
from serve_app.core.events import Answered, Outcome, RequestRejected
from serve_app.core.inference_request import InferenceRequest
from serve_app.core.ports import EngineCall
from serve_app.core.request import Constraints, Prompt, PromptClassification
from serve_app.gateway.answer import ClientDisconnected
from serve_app.gateway.gateway import RECENT_DECISIONS
from serve_app.state.load import Replicas
from serve_app.testing import FakeEngine, ManualClock, Script
from tests.builders import a_catalog, a_pair, a_profile
from tests.gateways import (
    BREAKER,
    CATALOG,
    PAIRS,
    SETTINGS,
    FixedClassifier,
    a_request,
    gateway_under_test,
    whole,
)

IMPOSSIBLE = Constraints(latency_budget_ms=1, min_accuracy=0.99)


class SlowClassifier(FixedClassifier):
    """Takes a quarter of a second of `clock`."""

    clock: ManualClock

    async def classify(self, prompt: Prompt) -> PromptClassification:
        await self.clock.advance(0.25)
        return await super().classify(prompt)


class GarblingEngine(FakeEngine):
    """Answers with something that is not JSON."""

    async def answer(self, pair: str, call: EngineCall) -> AsyncGenerator[str, None]:
        yield "Internal Server Error"


async def test_the_engine_gets_the_callers_body_untouched_but_for_the_name() -> None:
    under_test = gateway_under_test()
    body = {"model": "auto", "messages": [], "min_p": 0.1, "max_tokens": None, "odd": {"a": [1]}}

    await whole(under_test, a_request(body=body))

    ((_, call),) = under_test.engine.calls
    assert call.body == {**body, "model": "cheap"}
    assert (call.operation, call.request_id) == ("chat", "request-1")


async def test_a_pair_asked_for_by_id_is_not_replaced_by_another() -> None:
    under_test = gateway_under_test({"cheap": Script(error=EngineFailed("cheap", "oom"))})

    with pytest.raises(Overloaded):
        await whole(under_test, a_request(model="cheap"))
    assert under_test.asked_pairs() == ["cheap"]


async def test_best_effort_says_which_constraints_it_misses() -> None:
    under_test = gateway_under_test()

    async with under_test.gateway.answer(a_request(constraints=IMPOSSIBLE)) as answer:
        assert set(answer.infeasible) == {"latency", "accuracy"}


async def test_after_a_retry_the_answer_speaks_of_the_pair_that_served() -> None:
    catalog = a_catalog(a_profile("cheap", usd_per_hour=0.1), a_profile("dear", ttft_ms=500))
    under_test = gateway_under_test(
        {"cheap": Script(error=EngineFailed("cheap", "oom"))}, catalog=catalog
    )

    request = a_request(constraints=Constraints(latency_budget_ms=400))
    async with under_test.gateway.answer(request) as answer:
        assert answer.pair == "dear"
        assert answer.infeasible == ("latency",)
        assert answer.candidate is not None
        assert answer.candidate.pair == "dear"
        assert answer.reason.startswith("pair 'cheap' failed: oom; 'dear' is next")


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        (a_request(counted_tokens=5000), ContextTooLong),
        (a_request(max_tokens=4096), ContextTooLong),
        (a_request(needs={"tools": "tools"}), BadRequest),
        (a_request(constraints=replace(IMPOSSIBLE, on_infeasible="refuse")), Infeasible),
    ],
)
async def test_a_refused_request_reaches_no_engine(
    asked: InferenceRequest, error: type[Exception]
) -> None:
    pairs = tuple(replace(pair, capabilities=frozenset()) for pair in PAIRS)
    under_test = gateway_under_test(pairs=pairs)

    with pytest.raises(error):
        await whole(under_test, asked)
    assert under_test.engine.calls == []
    assert [event.outcome for event in under_test.events.of(Answered)] == ["rejected"]


async def test_a_missing_capability_is_named_by_the_field_that_needs_it() -> None:
    under_test = gateway_under_test(pairs=[a_pair("cheap", capabilities=[])])

    with pytest.raises(BadRequest) as caught:
        await whole(under_test, a_request(needs={"json_schema": "response_format"}))
    assert caught.value.param == "response_format"


async def test_with_no_replica_anywhere_the_caller_is_told_to_come_back() -> None:
    under_test = gateway_under_test()
    under_test.load.set_replicas(
        {pair.id: Replicas(ready=0, starting=0, maximum=0) for pair in PAIRS}
    )

    with pytest.raises(Overloaded) as caught:
        await whole(under_test, a_request())
    assert caught.value.retry_after_s == SETTINGS.retry_after_s
    assert under_test.engine.calls == []


async def test_an_answer_is_billed_by_the_engines_usage() -> None:
    under_test = gateway_under_test({"cheap": Script(tokens=("a", "b", "c"), prompt_tokens=11)})

    await whole(under_test, a_request())

    (answered,) = under_test.events.of(Answered)
    usage = Usage(prompt_tokens=11, completion_tokens=3)
    assert (answered.pair, answered.outcome) == ("cheap", "ok")
    assert (answered.prompt_tokens, answered.completion_tokens) == (11, 3)
    assert answered.cost_usd == CATALOG.prices["cheap"].cost_usd(usage)
    assert answered.baseline_cost_usd == CATALOG.prices["dear"].cost_usd(usage)
    assert under_test.gateway.ledger.account().total.cost_usd == answered.cost_usd


async def test_a_stream_is_billed_although_its_caller_asked_for_no_usage() -> None:
    under_test = gateway_under_test()

    async with under_test.gateway.answer(a_request(stream=True)) as answer:
        [text async for text in answer.chunks()]

    (answered,) = under_test.events.of(Answered)
    assert answered.completion_tokens == 2
    assert answered.cost_usd > 0


async def test_an_unary_answer_is_taken_for_no_first_token() -> None:
    under_test = gateway_under_test()

    await whole(under_test, a_request())

    assert [answered.ttft_ms for answered in under_test.events.of(Answered)] == [None]


async def test_the_time_that_routing_takes_belongs_to_the_request() -> None:
    classifier = SlowClassifier()
    under_test = gateway_under_test(classifier=classifier)
    classifier.clock = under_test.clock

    async with under_test.gateway.answer(a_request(stream=True)) as answer:
        [text async for text in answer.chunks()]

    (answered,) = under_test.events.of(Answered)
    assert (answered.ttft_ms, answered.total_ms) == (250, 250)


async def test_times_run_from_the_request_to_its_first_token_and_its_end() -> None:
    under_test = gateway_under_test()

    async def slow(_: int) -> None:
        await under_test.clock.advance(0.25)

    under_test.engine.scripts["cheap"] = Script(tokens=("a", "b"), before_token=slow)
    async with under_test.gateway.answer(a_request(stream=True)) as answer:
        [text async for text in answer.chunks()]

    (answered,) = under_test.events.of(Answered)
    assert (answered.ttft_ms, answered.total_ms) == (250, 500)


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        (Script(error=EngineFailed("cheap", "oom")), "overloaded"),
        (Script(error=EngineFailed("cheap", "oom"), error_at=1), "failed"),
        (Script(error=EngineRejected("cheap", 400, "no", "t", None)), "rejected"),
        (Script(), "ok"),
    ],
)
async def test_every_request_ends_with_one_outcome(script: Script, outcome: Outcome) -> None:
    under_test = gateway_under_test({"cheap": script})

    try:
        async with under_test.gateway.answer(a_request(model="cheap", stream=True)) as answer:
            [text async for text in answer.chunks()]
    except (Overloaded, EngineFailed, EngineRejected):
        pass

    assert [event.outcome for event in under_test.events.of(Answered)] == [outcome]


async def test_a_caller_that_leaves_frees_the_slot_at_once() -> None:
    waiting = asyncio.Event()

    async def stuck(_: int) -> None:
        waiting.set()
        await asyncio.Event().wait()

    under_test = gateway_under_test({"cheap": Script(before_token=stuck)})
    request = asyncio.create_task(whole(under_test, a_request()))
    await waiting.wait()
    assert under_test.engine.open == 1

    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request

    assert under_test.engine.open == 0
    assert under_test.events.of(Answered)[0].outcome == "disconnected"
    assert not under_test.gateway.status.breakers()["cheap"].failures


async def test_a_caller_that_leaves_midway_is_billed_what_is_known() -> None:
    under_test = gateway_under_test()

    async def read_one_chunk_and_leave() -> None:
        async with (
            under_test.gateway.answer(a_request(stream=True)) as answer,
            aclosing(answer.chunks()) as chunks,
        ):
            await anext(chunks)
            raise ClientDisconnected

    with pytest.raises(ClientDisconnected):
        await read_one_chunk_and_leave()

    assert under_test.engine.open == 0
    assert under_test.events.of(Answered)[0].outcome == "disconnected"


async def test_an_answer_that_told_no_usage_is_held_against_no_prediction() -> None:
    under_test = gateway_under_test()

    async with (
        under_test.gateway.answer(a_request(stream=True)) as answer,
        aclosing(answer.chunks()) as chunks,
    ):
        await anext(chunks)

    (answered,) = under_test.events.of(Answered)
    assert answered.predicted_cost_usd is None
    total = under_test.gateway.ledger.account().total
    assert (total.answers, total.cost_usd, total.estimated_predicted_usd) == (1, 0, 0)


@pytest.mark.parametrize("fails", [False, True], ids=["its caller leaves", "its pair breaks"])
async def test_a_stream_broken_off_is_estimated_by_what_was_sent_and_billed_nothing(
    fails: bool,
) -> None:
    error = EngineFailed("cheap", "oom") if fails else None
    under_test = gateway_under_test(
        {"cheap": Script(tokens=("a", "b", "c", "d"), error=error, error_at=3)}
    )

    with suppress(EngineFailed):
        async with (
            under_test.gateway.answer(
                a_request(stream=True, countable="four words are here")
            ) as answer,
            aclosing(answer.chunks()) as chunks,
        ):
            async for text in chunks:
                if '"content":"c"' in text and not fails:
                    break

    (answered,) = under_test.events.of(Answered)
    estimate = CATALOG.prices["cheap"].cost_usd(Usage(prompt_tokens=4, completion_tokens=3))
    assert (answered.cost_usd, answered.uncounted_cost_usd) == (0.0, estimate)
    total = under_test.gateway.ledger.account().total
    assert (total.answers, total.uncounted_answers) == (1, 1)
    assert (total.cost_usd, total.uncounted_usd) == (0.0, estimate)


async def test_an_answer_whose_engine_counted_is_not_estimated() -> None:
    under_test = gateway_under_test()

    async with under_test.gateway.answer(a_request(stream=True)) as answer:
        [text async for text in answer.chunks()]

    assert under_test.events.of(Answered)[0].uncounted_cost_usd == 0.0


async def test_pairs_that_failed_before_the_answer_are_not_billed() -> None:
    under_test = gateway_under_test({"cheap": Script(error=EngineFailed("cheap", "oom"))})

    await whole(under_test, a_request())

    account = under_test.gateway.ledger.account()
    assert list(account.pairs) == ["dear"]
    assert account.total.answers == 1


async def test_a_pair_that_answers_with_garbage_counts_as_failing() -> None:
    under_test = gateway_under_test(engine=GarblingEngine())
    for _ in range(BREAKER.failures_to_open):
        with pytest.raises(EngineFailed):
            await whole(under_test, a_request())

    assert under_test.gateway.load_view()["cheap"].breaker_open
    assert [event.outcome for event in under_test.events.of(Answered)] == ["failed", "failed"]


async def test_a_request_for_an_unknown_model_is_counted_as_turned_away() -> None:
    under_test = gateway_under_test()

    with pytest.raises(UnknownModel):
        await whole(under_test, a_request(model="gpt-4"))

    assert under_test.events.seen == [RequestRejected(reason="unknown_model")]


async def test_only_so_many_decisions_are_remembered_newest_first() -> None:
    under_test = gateway_under_test()

    for _ in range(RECENT_DECISIONS + 1):
        await whole(under_test, a_request())

    ids = [decision.id for decision in under_test.gateway.recent_decisions()]
    assert ids == [f"decision-{n}" for n in range(RECENT_DECISIONS + 1, 1, -1)]


async def test_a_fleet_is_ready_when_one_pair_can_answer() -> None:
    under_test = gateway_under_test({"cheap": Script(error=EngineFailed("cheap", "oom"))})
    for _ in range(2):
        await whole(under_test, a_request())

    assert under_test.gateway.status.readiness().ready

    under_test.load.set_replicas({})
    assert not under_test.gateway.status.readiness().ready
    assert len(under_test.gateway.status.readiness().reasons) == len(PAIRS)
