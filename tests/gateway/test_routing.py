from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from serve_app.classifier.request_text import segment
from serve_app.core.errors import Overloaded, UnknownModel
from serve_app.core.events import Answered, Routed
from serve_app.core.profile import GoldenResult
from serve_app.core.request import Constraints, Judgement, Prompt
from serve_app.state.load import Replicas
from tests.builders import a_catalog, a_judgement, a_pair, a_profile
from tests.gateways import CATALOG, READY, FixedClassifier, a_house, an_inbound, whole

IMPOSSIBLE = Constraints(latency_budget_ms=1, min_accuracy=0.99)


class BrokenClassifier:
    async def judge(self, _: Prompt) -> Judgement:
        raise ZeroDivisionError("a bug")


async def test_auto_goes_to_the_cheapest_pair() -> None:
    house = a_house()

    assert (await whole(house, an_inbound()))["model"] == "cheap"


async def test_a_pairs_id_bypasses_routing_and_all_its_wishes() -> None:
    house = a_house()

    async with house.gateway.answer(an_inbound(model="dear", constraints=IMPOSSIBLE)) as answer:
        assert answer.pair == "dear"
        assert answer.infeasible == ()
        assert "names pair 'dear'" in answer.reason
    assert house.asked_pairs() == ["dear"]


async def test_a_pairs_id_bypasses_the_rules_on_whom_to_choose() -> None:
    gated = a_profile("dear", golden=GoldenResult(passed=False, reason="5 of 9 answers differ"))
    house = a_house(
        pairs=(a_pair("cheap"), a_pair("dear", activations="fp8")),
        catalog=a_catalog(a_profile("cheap"), gated),
        classifier=FixedClassifier(a_judgement(numeric_share=0.9)),
    )

    figures = an_inbound(model="dear", prompt=segment("12 7.5 90 31 44 18 2026 63"))
    assert (await whole(house, figures))["model"] == "dear"
    assert (await whole(house, an_inbound(model="auto")))["model"] == "cheap"
    assert house.gateway.ledger.account().pairs["dear"].cost_usd > 0


async def test_nobody_waits_for_the_classifier_when_there_is_nothing_to_choose() -> None:
    classifier = FixedClassifier()
    house = a_house(classifier=classifier)

    await whole(house, an_inbound(model="dear"))
    assert classifier.judged == []
    await whole(house, an_inbound(model="auto"))
    assert len(classifier.judged) == 1


async def test_a_pairs_id_does_not_help_a_pair_that_cannot_answer() -> None:
    house = a_house()
    house.load.set_replicas({"cheap": READY, "dear": Replicas(ready=0, starting=0, maximum=0)})

    with pytest.raises(Overloaded):
        await whole(house, an_inbound(model="dear"))


async def test_a_models_name_routes_among_its_own_pairs() -> None:
    pairs = (a_pair("cheap", model="small"), a_pair("dear", model="large"))
    house = a_house(pairs=pairs)

    assert (await whole(house, an_inbound(model="large")))["model"] == "dear"


async def test_an_unknown_model_is_refused_with_the_known_ones() -> None:
    house = a_house()

    with pytest.raises(UnknownModel) as caught:
        await whole(house, an_inbound(model="gpt-4"))
    assert caught.value.known == ("auto", "cheap", "dear", "model-a")
    assert house.engine.calls == []


@pytest.mark.parametrize("stream", [True, False])
async def test_when_routing_breaks_the_static_fallback_serves(stream: bool) -> None:
    house = a_house(classifier=BrokenClassifier())

    async with house.gateway.answer(an_inbound(stream=stream)) as answer:
        assert answer.pair == "dear"
        assert "routing failed (ZeroDivisionError)" in answer.reason
    (routed,) = house.events.of(Routed)
    assert routed.decision.fallback == "ZeroDivisionError"


async def test_when_reading_the_catalog_breaks_the_static_fallback_serves() -> None:
    broken = replace(CATALOG.profiles["cheap"], accuracy=cast(Any, object()))
    house = a_house(catalog=a_catalog(broken))

    async with house.gateway.answer(an_inbound()) as answer:
        assert answer.pair == "dear"
        assert answer.decision.fallback == "AttributeError"


async def test_without_a_catalog_the_static_fallback_serves() -> None:
    house = a_house(catalog=None)

    assert (await whole(house, an_inbound()))["model"] == "dear"


async def test_the_fallback_respects_the_pair_that_was_asked_for() -> None:
    house = a_house(catalog=None)

    assert (await whole(house, an_inbound(model="cheap")))["model"] == "cheap"


@pytest.mark.parametrize(("prompt_tokens", "exact"), [(100, False), (3600, True), (9000, False)])
async def test_tokens_are_counted_exactly_only_near_a_context_window(
    prompt_tokens: int, exact: bool
) -> None:
    house = a_house()

    await house.gateway.explain(an_inbound(counted_tokens=prompt_tokens, countable="some words"))

    assert house.tokens.counted == (["some words"] if exact else [])


async def test_explaining_runs_no_model_and_leaves_no_trace() -> None:
    house = a_house()

    routing = await house.gateway.explain(an_inbound())

    assert routing.decision.chosen == "cheap"
    assert house.engine.calls == []
    assert house.events.of(Routed) == house.events.of(Answered) == []
    assert house.gateway.recent_decisions() == ()
