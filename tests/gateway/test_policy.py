"""A request is decided, served and billed by the catalog and the policy that it started with."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from serve_app.core.catalog import Catalog
from serve_app.core.cost import Usage
from serve_app.core.errors import CatalogInvalid, ContextTooLong, NeverServable, Overloaded
from serve_app.core.events import Answered
from serve_app.core.policy import PairPolicy, PublishedPolicy, Weights
from serve_app.core.ports import Classifier
from serve_app.core.request import Prompt, PromptClassification
from serve_app.state.load import Replicas
from serve_app.testing import Script
from tests.feedback.shadow_cases import a_shadowed_gateway
from tests.gateways import CATALOG, SETTINGS, GatewayUnderTest, a_request, gateway_under_test, whole
from tests.policies import switching_off, with_policy

ON_CHEAP = switching_off("dear", static_fallback=("cheap",))


class BrokenClassifier(Classifier):
    async def classify(self, prompt: Prompt) -> PromptClassification:
        raise ZeroDivisionError("a bug")


def governed(policy: PublishedPolicy, catalog: Catalog = CATALOG) -> GatewayUnderTest:
    return gateway_under_test(catalog=with_policy(catalog, policy))


def usage(answer: Answered) -> Usage:
    return Usage(answer.prompt_tokens, answer.completion_tokens)


def decided_rules(under_test: GatewayUnderTest) -> list[tuple[str, str]]:
    (decision,) = under_test.gateway.recent_decisions()
    return [(rejection.pair, rejection.rule) for rejection in decision.rejected]


async def test_a_new_weight_decides_the_next_request() -> None:
    under_test = gateway_under_test(catalog=None)
    fast = replace(CATALOG.profiles["dear"], latency=CATALOG.profiles["cheap"].latency)
    fast = replace(fast, accuracy={"overall": replace(fast.accuracy["overall"], mean=0.99)})
    catalog = replace(CATALOG, profiles={**CATALOG.profiles, "dear": fast})
    under_test.catalog.publish(catalog)
    before = await under_test.gateway.explain(a_request())

    quality = Weights(accuracy=1, latency=0, cost=0)
    under_test.catalog.publish(with_policy(catalog, PublishedPolicy(weights={"balanced": quality})))
    after = await under_test.gateway.explain(a_request())

    assert (before.decision.chosen, after.decision.chosen) == ("cheap", "dear")
    assert (before.decision.policy_version, after.decision.policy_version) == (None, "7")


async def test_a_pair_that_is_off_gets_no_request() -> None:
    under_test = governed(switching_off("cheap"))

    assert (await whole(under_test, a_request()))["model"] == "dear"
    assert decided_rules(under_test) == [("cheap", "switched_off")]
    assert under_test.asked_pairs() == ["dear"]


async def test_a_request_that_names_it_is_refused_for_good() -> None:
    under_test = governed(switching_off("cheap"))

    with pytest.raises(NeverServable, match="cheap fails switched_off"):
        await whole(under_test, a_request(model="cheap"))

    assert decided_rules(under_test) == [("cheap", "switched_off")]
    assert under_test.asked_pairs() == []


async def test_a_model_of_which_one_pair_is_on_is_served_by_that_pair() -> None:
    under_test = governed(switching_off("cheap"))

    assert (await whole(under_test, a_request(model="model-a")))["model"] == "dear"


async def test_waiting_helps_where_a_pair_that_is_on_may_come_back() -> None:
    under_test = governed(switching_off("cheap"))
    gone = Replicas(ready=0, starting=0, maximum=0)
    under_test.load.set_replicas({"dear": gone})

    with pytest.raises(Overloaded):
        await whole(under_test, a_request())


async def test_a_pair_that_is_off_is_not_named_as_the_largest_context() -> None:
    under_test = governed(switching_off("cheap"))

    with pytest.raises(ContextTooLong):
        await whole(under_test, a_request(counted_tokens=9_000))


@pytest.mark.parametrize("model", ["auto", "model-a"])
async def test_the_static_fallback_passes_over_pairs_that_are_off(model: str) -> None:
    under_test = gateway_under_test(
        catalog=with_policy(CATALOG, ON_CHEAP), classifier=BrokenClassifier()
    )

    async with under_test.gateway.answer(a_request(model=model)) as answer:
        assert answer.pair == "cheap"


async def test_a_broken_routing_does_not_serve_a_pair_that_is_off() -> None:
    class BrokenCounter:
        def estimate(self, text: str) -> int:
            raise ZeroDivisionError("a bug")

        def count(self, text: str) -> int:
            raise ZeroDivisionError("a bug")

    under_test = governed(switching_off("cheap"))
    object.__setattr__(under_test.gateway._router.features, "tokens", BrokenCounter())

    with pytest.raises(NeverServable, match="switched_off"):
        await whole(under_test, a_request(model="cheap"))
    assert under_test.asked_pairs() == []


async def test_an_answer_in_progress_keeps_its_pair_and_its_price() -> None:
    held, going = asyncio.Event(), asyncio.Event()

    async def hold(number: int) -> None:
        if number == 1:
            held.set()
            await going.wait()

    under_test = gateway_under_test({"cheap": Script(before_token=hold)})
    answering = asyncio.create_task(whole(under_test, a_request()))
    await held.wait()
    expensive = PublishedPolicy(pairs={"cheap": PairPolicy(usd_per_hour=100.0, enabled=False)})
    under_test.catalog.publish(with_policy(CATALOG, expensive))
    going.set()

    assert (await answering)["model"] == "cheap"
    (old,) = under_test.events.of(Answered)
    assert old.cost_usd == pytest.approx(CATALOG.prices["cheap"].cost_usd(usage(old)))


async def test_a_published_price_bills_the_next_answer() -> None:
    under_test = governed(PublishedPolicy(pairs={"cheap": PairPolicy(usd_per_hour=0.2)}))

    await whole(under_test, a_request())

    (answer,) = under_test.events.of(Answered)
    assert answer.cost_usd == pytest.approx(2 * CATALOG.prices["cheap"].cost_usd(usage(answer)))
    assert answer.baseline_cost_usd == pytest.approx(CATALOG.prices["dear"].cost_usd(usage(answer)))


async def test_a_request_keeps_the_snapshot_that_it_was_read_with() -> None:
    under_test = gateway_under_test()
    request = a_request(snapshot=under_test.gateway.snapshot())
    under_test.catalog.publish(with_policy(CATALOG, switching_off("cheap")))

    read_before = await under_test.gateway.explain(request)
    read_after = await under_test.gateway.explain(a_request())

    assert (read_before.decision.chosen, read_before.decision.policy_version) == ("cheap", None)
    assert (read_after.decision.chosen, read_after.decision.policy_version) == ("dear", "7")


async def test_a_published_limit_on_answers_reaches_the_engine() -> None:
    under_test = governed(PublishedPolicy(pairs={"cheap": PairPolicy(default_max_tokens=9)}))

    await whole(under_test, a_request())

    ((_, call),) = under_test.engine.calls
    assert call.body["max_tokens"] == 9


async def test_corrections_by_usage_keep_the_policy() -> None:
    under_test = gateway_under_test(
        {"cheap": Script(prompt_tokens=34)}, catalog=with_policy(CATALOG, ON_CHEAP)
    )

    for _ in range(50):
        await under_test.clock.advance(0.1)
        await whole(under_test, a_request(countable="word " * 10))

    snapshot = under_test.gateway.snapshot()
    assert snapshot.catalog is not None
    assert snapshot.catalog.added_tokens
    assert (snapshot.policy.version, snapshot.policy.switched_off) == ("7", {"dear"})


async def test_a_policy_that_leaves_no_pair_changes_nothing() -> None:
    under_test = governed(switching_off("cheap"))
    before = under_test.gateway.snapshot()

    with pytest.raises(CatalogInvalid):
        under_test.catalog.publish(with_policy(CATALOG, switching_off("cheap", "dear"), "8"))

    assert under_test.gateway.snapshot() == before


@pytest.mark.parametrize(("policy", "drawn"), [(ON_CHEAP, False), (PublishedPolicy(), True)])
async def test_grading_does_not_ask_a_reference_pair_that_is_off(
    policy: PublishedPolicy, drawn: bool
) -> None:
    under_test = a_shadowed_gateway(catalog=with_policy(CATALOG, policy))
    request = a_request()
    routing = await under_test.gateway.explain(request)

    assert under_test.shadow is not None
    assert (under_test.shadow.answered(request, routing, "cheap") is not None) is drawn


def test_the_fleet_is_not_ready_while_only_pairs_that_are_off_are() -> None:
    under_test = governed(ON_CHEAP)
    assert {held.pair.id: held.state for held in under_test.gateway.status.pairs()} == {
        "cheap": "ready",
        "dear": "off",
    }
    ready = under_test.load.view()
    assert under_test.gateway.status.readiness().ready

    under_test.load.set_replicas({})
    readiness = under_test.gateway.status.readiness()

    assert ready["dear"].ready_replicas == 1
    assert not readiness.ready
    assert "dear: the policy has switched it off" in readiness.reasons


def test_the_settings_give_the_policy_that_holds_without_a_published_one() -> None:
    policy = gateway_under_test(catalog=None).gateway.snapshot().policy

    assert policy.defaults == SETTINGS.defaults
    assert policy.static_fallback == ("dear",)
