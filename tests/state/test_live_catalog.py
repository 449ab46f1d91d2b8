"""Publications replace the live catalog, and the usage of each answer corrects it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from serve_app.classifier.request_text import segment
from serve_app.core.events import Answered, TokenRatiosChanged
from serve_app.core.inference_request import Inbound
from serve_app.testing import Script
from tests.builders import a_catalog, a_pair, a_profile
from tests.gateways import CATALOG, House, a_house, an_inbound, whole

TEXT = "word " * 1_000
NARROW = (a_pair("cheap", context_window=1_100), a_pair("dear", context_window=8_192))


def a_wordy_house() -> House:
    """`cheap` takes three tokens for two words; its profile says one for one."""
    return a_house({"cheap": Script(prompt_tokens=1_500)})


def long_prompt(**changes: object) -> Inbound:
    return an_inbound(countable=TEXT, prompt=segment(TEXT), **changes)


async def answered(house: House, inbound: Inbound, *, times: int = 100) -> None:
    for _ in range(times):
        await house.clock.advance(0.1)
        await whole(house, inbound)


async def predicted_tokens(
    house: House, pair: str = "cheap", *, inbound: Inbound | None = None
) -> int:
    routing = await house.gateway.explain(inbound or long_prompt())
    candidate = routing.decision.candidate(pair)
    assert candidate is not None
    assert candidate.prediction is not None
    return candidate.prediction.prompt_tokens


async def test_predictions_come_to_what_the_engine_counts() -> None:
    house = a_wordy_house()
    assert await predicted_tokens(house) == 1_000

    await answered(house, long_prompt())

    assert await predicted_tokens(house) == pytest.approx(1_500, rel=0.1)
    assert await predicted_tokens(house, "dear") == 1_000


async def test_what_is_held_of_each_pair_can_be_read() -> None:
    house = a_wordy_house()

    await answered(house, long_prompt())

    held = house.catalog.token_ratios()
    assert (held["cheap"].profile, held["dear"].ratio, held["dear"].requests) == (1.0, 1.0, 0.0)
    assert held["cheap"].ratio == pytest.approx(1.5, rel=0.1)
    assert held["cheap"].requests == pytest.approx(100, rel=0.1)


async def test_what_a_template_adds_is_predicted_for_prompts_of_that_form_alone() -> None:
    house = a_house({"cheap": Script(prompt_tokens=34)})
    short = an_inbound(countable="word " * 10)

    await answered(house, short)

    assert await predicted_tokens(house, inbound=short) == pytest.approx(34, abs=5)
    assert await predicted_tokens(house, inbound=replace(short, form="text")) in (10, 11)
    assert await predicted_tokens(house, "dear", inbound=short) == 10
    assert await predicted_tokens(house) == pytest.approx(1_024, abs=20)


async def test_a_template_counts_once_beside_an_exact_count() -> None:
    house = a_house({"cheap": Script(prompt_tokens=34)}, pairs=NARROW)
    await answered(house, an_inbound(countable="word " * 10))

    tokens = await predicted_tokens(house)

    assert house.tokens.counted == [TEXT]
    assert tokens == pytest.approx(1_024, abs=20)


async def test_a_template_may_be_what_does_not_fit() -> None:
    text = an_inbound(countable="word " * 1_090)
    house = a_house({"cheap": Script(prompt_tokens=34)}, pairs=NARROW)
    before = await house.gateway.explain(text)
    await answered(house, an_inbound(countable="word " * 10))

    after = await house.gateway.explain(text)

    assert (before.decision.chosen, after.decision.chosen) == ("cheap", "dear")
    assert "context" in {r.rule for r in after.decision.rejected if r.pair == "cheap"}


async def test_the_cost_of_the_reference_pair_knows_its_template() -> None:
    house = a_house({"cheap": Script(prompt_tokens=34), "dear": Script(prompt_tokens=34)})
    short = an_inbound(countable="word " * 10)
    await answered(house, short)
    await answered(house, replace(short, model="dear"))

    routing = await house.gateway.explain(short)

    dear = routing.decision.candidate("dear")
    assert dear is not None
    assert dear.terms is not None
    assert dear.terms.cost == pytest.approx(1.0)


async def test_each_answer_tells_what_was_predicted() -> None:
    house = a_wordy_house()

    await whole(house, long_prompt())

    (answer,) = house.events.of(Answered)
    assert (answer.predicted_prompt_tokens, answer.prompt_tokens) == (1_000, 1_500)


async def test_a_swap_is_told_and_no_more_than_one_in_a_second() -> None:
    house = a_wordy_house()

    await answered(house, long_prompt())

    told = house.events.of(TokenRatiosChanged)
    assert 1.4 < told[-1].ratios["cheap"] < 1.6
    assert 2 <= len(told) <= 11


async def test_a_new_catalog_is_believed_anew() -> None:
    house = a_wordy_house()
    await answered(house, long_prompt())

    house.catalog.publish(
        a_catalog(
            a_profile("cheap", usd_per_hour=0.1, tokens_ratio=2.0), a_profile("dear"), version="v2"
        )
    )

    assert await predicted_tokens(house) == 2_000
    assert house.catalog.token_ratios()["cheap"].requests == 0
    assert house.events.of(TokenRatiosChanged)[-1].ratios == {"cheap": 2.0, "dear": 1.0}


async def test_a_prompt_that_is_more_than_its_text_teaches_nothing() -> None:
    house = a_wordy_house()

    await answered(house, long_prompt(wholly_counted=False))

    assert await predicted_tokens(house) == 1_000


async def test_a_count_that_no_text_explains_teaches_nothing() -> None:
    house = a_house({"cheap": Script(prompt_tokens=9_000)})

    await answered(house, long_prompt())

    assert await predicted_tokens(house) == 1_000


async def test_the_corrected_ratio_says_when_to_count_exactly() -> None:
    pairs = (a_pair("cheap", context_window=1_500), a_pair("dear", context_window=8_192))
    house = a_house({"cheap": Script(prompt_tokens=1_500)}, pairs=pairs)
    await answered(house, long_prompt())
    house.tokens.counted.clear()

    await predicted_tokens(house)

    assert house.tokens.counted == [TEXT]


async def test_reading_the_catalog_after_a_publication_returns_one_snapshot() -> None:
    house = a_house(catalog=None)
    published = a_catalog(a_profile("cheap"))

    house.catalog.publish(published)

    assert house.catalog.current is published
    assert house.catalog.published is published
    assert house.events.of(TokenRatiosChanged) == [TokenRatiosChanged(ratios={"cheap": 1.0})]


async def test_the_publication_stays_readable_without_corrections() -> None:
    house = a_wordy_house()

    await answered(house, long_prompt())

    assert house.catalog.published is CATALOG
    assert house.catalog.current is not CATALOG


async def test_without_a_catalog_nothing_is_held() -> None:
    house = a_house(catalog=None)

    await whole(house, an_inbound())

    assert house.catalog.token_ratios() == {}
