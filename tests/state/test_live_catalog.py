"""Publications replace the live catalog, and the usage of each answer corrects it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from serve_app.classifier.request_text import segment
from serve_app.core.events import Answered, TokenRatiosChanged
from serve_app.core.inference_request import InferenceRequest
from serve_app.testing import Script
from tests.builders import a_catalog, a_pair, a_profile
from tests.gateways import CATALOG, GatewayUnderTest, a_request, gateway_under_test, whole

TEXT = "word " * 1_000
NARROW = (a_pair("cheap", context_window=1_100), a_pair("dear", context_window=8_192))


def a_wordy_gateway() -> GatewayUnderTest:
    """`cheap` takes three tokens for two words; its profile says one for one."""
    return gateway_under_test({"cheap": Script(prompt_tokens=1_500)})


def long_prompt(**changes: object) -> InferenceRequest:
    return a_request(countable=TEXT, prompt=segment(TEXT), **changes)


async def answered(
    under_test: GatewayUnderTest, request: InferenceRequest, *, times: int = 100
) -> None:
    for _ in range(times):
        await under_test.clock.advance(0.1)
        await whole(under_test, request)


async def predicted_tokens(
    under_test: GatewayUnderTest, pair: str = "cheap", *, request: InferenceRequest | None = None
) -> int:
    routing = await under_test.gateway.explain(request or long_prompt())
    candidate = routing.decision.candidate(pair)
    assert candidate is not None
    assert candidate.prediction is not None
    return candidate.prediction.prompt_tokens


async def test_predictions_come_to_what_the_engine_counts() -> None:
    under_test = a_wordy_gateway()
    assert await predicted_tokens(under_test) == 1_000

    await answered(under_test, long_prompt())

    assert await predicted_tokens(under_test) == pytest.approx(1_500, rel=0.1)
    assert await predicted_tokens(under_test, "dear") == 1_000


async def test_what_is_held_of_each_pair_can_be_read() -> None:
    under_test = a_wordy_gateway()

    await answered(under_test, long_prompt())

    held = under_test.catalog.token_calibration()
    assert (held["cheap"].profile, held["dear"].ratio, held["dear"].requests) == (1.0, 1.0, 0.0)
    assert held["cheap"].ratio == pytest.approx(1.5, rel=0.1)
    assert held["cheap"].requests == pytest.approx(100, rel=0.1)


async def test_what_a_template_adds_is_predicted_for_prompts_of_that_form_alone() -> None:
    under_test = gateway_under_test({"cheap": Script(prompt_tokens=34)})
    short = a_request(countable="word " * 10)

    await answered(under_test, short)

    assert await predicted_tokens(under_test, request=short) == pytest.approx(34, abs=5)
    assert await predicted_tokens(under_test, request=replace(short, form="text")) in (10, 11)
    assert await predicted_tokens(under_test, "dear", request=short) == 10
    assert await predicted_tokens(under_test) == pytest.approx(1_024, abs=20)


async def test_a_template_counts_once_beside_an_exact_count() -> None:
    under_test = gateway_under_test({"cheap": Script(prompt_tokens=34)}, pairs=NARROW)
    await answered(under_test, a_request(countable="word " * 10))

    tokens = await predicted_tokens(under_test)

    assert under_test.tokens.counted == [TEXT]
    assert tokens == pytest.approx(1_024, abs=20)


async def test_a_template_may_be_what_does_not_fit() -> None:
    text = a_request(countable="word " * 1_090)
    under_test = gateway_under_test({"cheap": Script(prompt_tokens=34)}, pairs=NARROW)
    before = await under_test.gateway.explain(text)
    await answered(under_test, a_request(countable="word " * 10))

    after = await under_test.gateway.explain(text)

    assert (before.decision.chosen, after.decision.chosen) == ("cheap", "dear")
    assert "context" in {r.rule for r in after.decision.rejected if r.pair == "cheap"}


async def test_the_cost_of_the_reference_pair_knows_its_template() -> None:
    under_test = gateway_under_test(
        {"cheap": Script(prompt_tokens=34), "dear": Script(prompt_tokens=34)}
    )
    short = a_request(countable="word " * 10)
    await answered(under_test, short)
    await answered(under_test, replace(short, model="dear"))

    routing = await under_test.gateway.explain(short)

    dear = routing.decision.candidate("dear")
    assert dear is not None
    assert dear.terms is not None
    assert dear.terms.cost == pytest.approx(1.0)


async def test_each_answer_tells_what_was_predicted() -> None:
    under_test = a_wordy_gateway()

    await whole(under_test, long_prompt())

    (answer,) = under_test.events.of(Answered)
    assert (answer.predicted_prompt_tokens, answer.prompt_tokens) == (1_000, 1_500)


async def test_a_swap_is_told_and_no_more_than_one_in_a_second() -> None:
    under_test = a_wordy_gateway()

    await answered(under_test, long_prompt())

    told = under_test.events.of(TokenRatiosChanged)
    assert 1.4 < told[-1].ratios["cheap"] < 1.6
    assert 2 <= len(told) <= 11


async def test_a_new_catalog_is_estimated_anew() -> None:
    under_test = a_wordy_gateway()
    await answered(under_test, long_prompt())

    under_test.catalog.publish(
        a_catalog(
            a_profile("cheap", usd_per_hour=0.1, tokens_ratio=2.0), a_profile("dear"), version="v2"
        )
    )

    assert await predicted_tokens(under_test) == 2_000
    assert under_test.catalog.token_calibration()["cheap"].requests == 0
    assert under_test.events.of(TokenRatiosChanged)[-1].ratios == {"cheap": 2.0, "dear": 1.0}


async def test_a_prompt_that_is_more_than_its_text_teaches_nothing() -> None:
    under_test = a_wordy_gateway()

    await answered(under_test, long_prompt(wholly_counted=False))

    assert await predicted_tokens(under_test) == 1_000


async def test_a_count_that_no_text_explains_teaches_nothing() -> None:
    under_test = gateway_under_test({"cheap": Script(prompt_tokens=9_000)})

    await answered(under_test, long_prompt())

    assert await predicted_tokens(under_test) == 1_000


async def test_the_corrected_ratio_says_when_to_count_exactly() -> None:
    pairs = (a_pair("cheap", context_window=1_500), a_pair("dear", context_window=8_192))
    under_test = gateway_under_test({"cheap": Script(prompt_tokens=1_500)}, pairs=pairs)
    await answered(under_test, long_prompt())
    under_test.tokens.counted.clear()

    await predicted_tokens(under_test)

    assert under_test.tokens.counted == [TEXT]


async def test_reading_the_catalog_after_a_publication_returns_one_snapshot() -> None:
    under_test = gateway_under_test(catalog=None)
    published = a_catalog(a_profile("cheap"))

    under_test.catalog.publish(published)

    assert under_test.catalog.current is published
    assert under_test.catalog.published is published
    assert under_test.events.of(TokenRatiosChanged) == [TokenRatiosChanged(ratios={"cheap": 1.0})]


async def test_the_publication_stays_readable_without_corrections() -> None:
    under_test = a_wordy_gateway()

    await answered(under_test, long_prompt())

    assert under_test.catalog.published is CATALOG
    assert under_test.catalog.current is not CATALOG


async def test_without_a_catalog_nothing_is_held() -> None:
    under_test = gateway_under_test(catalog=None)

    await whole(under_test, a_request())

    assert under_test.catalog.token_calibration() == {}
