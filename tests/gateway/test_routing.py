from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from serve_app.classifier.request_text import segment
from serve_app.core.errors import EngineFailed, Overloaded, UnknownModel
from serve_app.core.events import Answered, Routed
from serve_app.core.profile import GoldenResult
from serve_app.core.request import Constraints, Prompt, PromptClassification
from serve_app.state.load import Replicas
from serve_app.testing import Script
from tests.builders import a_catalog, a_classification, a_pair, a_profile
from tests.gateways import (
    BREAKER,
    CATALOG,
    READY,
    SETTINGS,
    FixedClassifier,
    a_request,
    gateway_under_test,
    whole,
)

IMPOSSIBLE = Constraints(latency_budget_ms=1, min_accuracy=0.99)


class BrokenClassifier:
    async def classify(self, _: Prompt) -> PromptClassification:
        raise ZeroDivisionError("a bug")


async def test_auto_goes_to_the_cheapest_pair() -> None:
    under_test = gateway_under_test()

    assert (await whole(under_test, a_request()))["model"] == "cheap"


async def test_a_pairs_id_bypasses_routing_and_all_its_wishes() -> None:
    under_test = gateway_under_test()

    async with under_test.gateway.answer(a_request(model="dear", constraints=IMPOSSIBLE)) as answer:
        assert answer.pair == "dear"
        assert answer.infeasible == ()
        assert "names pair 'dear'" in answer.reason
    assert under_test.asked_pairs() == ["dear"]


async def test_a_pairs_id_bypasses_the_rules_on_whom_to_choose() -> None:
    gated = a_profile("dear", golden=GoldenResult(passed=False, reason="5 of 9 answers differ"))
    under_test = gateway_under_test(
        pairs=(a_pair("cheap"), a_pair("dear", activations="fp8")),
        catalog=a_catalog(a_profile("cheap"), gated),
        classifier=FixedClassifier(a_classification(numeric_share=0.9)),
    )

    figures = a_request(model="dear", prompt=segment("12 7.5 90 31 44 18 2026 63"))
    assert (await whole(under_test, figures))["model"] == "dear"
    assert (await whole(under_test, a_request(model="auto")))["model"] == "cheap"
    assert under_test.gateway.ledger.account().pairs["dear"].cost_usd > 0


async def test_nobody_waits_for_the_classifier_when_there_is_nothing_to_choose() -> None:
    classifier = FixedClassifier()
    under_test = gateway_under_test(classifier=classifier)

    await whole(under_test, a_request(model="dear"))
    assert classifier.classified == []
    await whole(under_test, a_request(model="auto"))
    assert len(classifier.classified) == 1


async def test_a_pairs_id_does_not_help_a_pair_that_cannot_answer() -> None:
    under_test = gateway_under_test()
    under_test.load.set_replicas({"cheap": READY, "dear": Replicas(ready=0, starting=0, maximum=0)})

    with pytest.raises(Overloaded):
        await whole(under_test, a_request(model="dear"))


async def test_a_models_name_routes_among_its_own_pairs() -> None:
    pairs = (a_pair("cheap", model="small"), a_pair("dear", model="large"))
    under_test = gateway_under_test(pairs=pairs)

    assert (await whole(under_test, a_request(model="large")))["model"] == "dear"


async def test_an_unknown_model_is_refused_with_the_known_ones() -> None:
    under_test = gateway_under_test()

    with pytest.raises(UnknownModel) as caught:
        await whole(under_test, a_request(model="gpt-4"))
    assert caught.value.known == ("auto", "cheap", "dear", "model-a")
    assert under_test.engine.calls == []


@pytest.mark.parametrize("stream", [True, False])
async def test_when_routing_breaks_the_static_fallback_serves(stream: bool) -> None:
    under_test = gateway_under_test(classifier=BrokenClassifier())

    async with under_test.gateway.answer(a_request(stream=stream)) as answer:
        assert answer.pair == "dear"
        assert "routing failed (ZeroDivisionError)" in answer.reason
    (routed,) = under_test.events.of(Routed)
    assert routed.decision.fallback == "ZeroDivisionError"


async def test_when_reading_the_catalog_breaks_the_static_fallback_serves() -> None:
    broken = replace(CATALOG.profiles["cheap"], accuracy=cast(Any, object()))
    under_test = gateway_under_test(catalog=a_catalog(broken))

    async with under_test.gateway.answer(a_request()) as answer:
        assert answer.pair == "dear"
        assert answer.decision.fallback == "AttributeError"


async def test_without_a_catalog_the_static_fallback_serves() -> None:
    under_test = gateway_under_test(catalog=None)

    assert (await whole(under_test, a_request()))["model"] == "dear"


SEVERAL = replace(SETTINGS, static_fallback=("dear", "cheap"))
NONE_LEFT = Replicas(ready=0, starting=0, maximum=1)


@pytest.mark.parametrize(
    ("ready", "asked"),
    [({"cheap", "dear"}, "dear"), ({"cheap"}, "cheap"), ({"other"}, "other"), (set(), "dear")],
)
async def test_the_first_fallback_that_has_a_replica_serves(ready: set[str], asked: str) -> None:
    pairs = (a_pair("cheap"), a_pair("dear"), a_pair("other"))
    under_test = gateway_under_test(catalog=None, pairs=pairs, settings=SEVERAL)
    under_test.load.set_replicas(
        {pair.id: READY if pair.id in ready else NONE_LEFT for pair in pairs}
    )

    assert (await whole(under_test, a_request()))["model"] == asked


async def test_a_fallback_whose_breaker_is_open_is_passed_over() -> None:
    broken = {"dear": Script(error=EngineFailed("dear", "ActorDiedError"))}
    under_test = gateway_under_test(broken, catalog=None, settings=SEVERAL)
    for _ in range(BREAKER.failures_to_open):
        await whole(under_test, a_request())
    under_test.engine.calls.clear()

    async with under_test.gateway.answer(a_request()) as answer:
        assert answer.pair == "cheap"
        assert "'cheap' is the static fallback" in answer.reason
    assert under_test.asked_pairs() == ["cheap"]


async def test_the_next_fallback_serves_when_the_first_fails() -> None:
    broken = {"dear": Script(error=EngineFailed("dear", "ActorDiedError"))}
    under_test = gateway_under_test(broken, catalog=None, settings=SEVERAL)

    assert (await whole(under_test, a_request()))["model"] == "cheap"
    assert under_test.asked_pairs() == ["dear", "cheap"]


async def test_a_fallback_of_the_model_that_was_asked_for_is_preferred() -> None:
    pairs = (
        a_pair("cheap", model="small"),
        a_pair("dear", model="large"),
        a_pair("dearest", model="large"),
    )
    settings = replace(SETTINGS, static_fallback=("cheap", "dearest"))
    under_test = gateway_under_test(catalog=None, pairs=pairs, settings=settings)

    assert (await whole(under_test, a_request(model="large")))["model"] == "dearest"


async def test_the_fallback_respects_the_pair_that_was_asked_for() -> None:
    under_test = gateway_under_test(catalog=None)

    assert (await whole(under_test, a_request(model="cheap")))["model"] == "cheap"


@pytest.mark.parametrize(("prompt_tokens", "exact"), [(100, False), (3600, True), (9000, True)])
async def test_tokens_are_counted_exactly_near_a_context_window_and_beyond_all_of_them(
    prompt_tokens: int, exact: bool
) -> None:
    under_test = gateway_under_test()

    await under_test.gateway.explain(
        a_request(counted_tokens=prompt_tokens, countable="some words")
    )

    assert under_test.tokens.counted == (["some words"] if exact else [])


async def test_a_prompt_that_a_larger_window_holds_is_not_counted_exactly() -> None:
    pairs = (a_pair("cheap"), a_pair("dear", context_window=32_768))
    under_test = gateway_under_test(pairs=pairs)

    await under_test.gateway.explain(a_request(counted_tokens=9000, countable="some words"))

    assert under_test.tokens.counted == []


async def test_a_table_that_is_estimated_too_long_is_served() -> None:
    under_test = gateway_under_test()
    under_test.tokens.estimate_factor = 2

    answer = await whole(under_test, a_request(countable="| cell " * 1_500))

    assert answer["model"] == "cheap"


async def test_explaining_runs_no_model_and_leaves_no_trace() -> None:
    under_test = gateway_under_test()

    routing = await under_test.gateway.explain(a_request())

    assert routing.decision.chosen == "cheap"
    assert under_test.engine.calls == []
    assert under_test.events.of(Routed) == under_test.events.of(Answered) == []
    assert under_test.gateway.recent_decisions() == ()
