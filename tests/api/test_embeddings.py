"""`/v1/embeddings` goes to pairs that embed, and nothing else does."""

from __future__ import annotations

from typing import Any

import pytest

from serve_app.core.events import Answered
from serve_app.core.request import Constraints
from serve_app.settings import RoutingSettings
from tests.api.apps import CHAT, a_body, a_client
from tests.builders import a_catalog, a_pair, a_profile
from tests.gateways import CATALOG, PAIRS, SETTINGS, GatewayUnderTest, gateway_under_test

EMBEDDINGS = "/v1/embeddings"
EMBEDDER = a_pair("vectors", model="embedder", serves="embed", context_window=512)


def a_fleet(settings: RoutingSettings = SETTINGS) -> GatewayUnderTest:
    """`vectors` costs the least of all, so that `auto` would choose it."""
    profiles = (*CATALOG.profiles.values(), a_profile("vectors", usd_per_hour=0.001))
    return gateway_under_test(
        pairs=[*PAIRS, EMBEDDER], catalog=a_catalog(*profiles), settings=settings
    )


@pytest.mark.parametrize("model", ["auto", "vectors", "embedder"])
def test_an_input_is_embedded_by_the_pair_that_embeds(model: str) -> None:
    under_test = a_fleet()

    answer = a_client(under_test).post(EMBEDDINGS, json={"model": model, "input": ["a", "b c"]})

    assert answer.json()["model"] == "vectors"
    assert len(answer.json()["data"]) == 2
    assert answer.json()["usage"]["cost_usd"] > 0
    assert answer.headers["x-quantroute-pair"] == "vectors"
    (answered,) = under_test.events.of(Answered)
    assert (answered.prompt_tokens, answered.completion_tokens) == (7, 0)
    assert (answered.prompts, answered.sequences) == (2, 2)


def test_generation_never_goes_to_it() -> None:
    under_test = a_fleet()
    client = a_client(under_test)

    assert client.post(CHAT, json=a_body()).json()["model"] == "cheap"
    for model in ("vectors", "embedder"):
        refused = client.post(CHAT, json=a_body(model=model))
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "model")
    assert under_test.asked_pairs() == ["cheap"]


@pytest.mark.parametrize("model", ["cheap", "model-a"])
def test_a_pair_that_generates_embeds_nothing(model: str) -> None:
    under_test = a_fleet()

    refused = a_client(under_test).post(EMBEDDINGS, json={"model": model, "input": "a"})

    assert refused.json()["error"]["code"] == "model_not_supported"
    assert "'vectors'" in refused.json()["error"]["message"]
    assert under_test.engine.calls == []


@pytest.mark.parametrize("model", ["auto", "text-embedding-3-small"])
def test_a_fleet_without_one_answers_what_to_do(model: str) -> None:
    refused = a_client(gateway_under_test()).post(EMBEDDINGS, json={"model": model, "input": "a"})

    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "model")
    assert "serves: embed" in refused.json()["error"]["message"]


def test_an_unknown_model_is_not_found() -> None:
    refused = a_client(a_fleet()).post(EMBEDDINGS, json={"model": "no", "input": "a"})

    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "model_not_found")


def test_the_fleet_s_floor_is_about_answers_and_a_caller_s_own_one_holds() -> None:
    settings = RoutingSettings(
        reference_pair="dear",
        static_fallback=("dear",),
        defaults=Constraints(min_accuracy=0.99),
    )
    client = a_client(a_fleet(settings))
    body = {"model": "auto", "input": "a"}

    plain = client.post(EMBEDDINGS, json=body)
    own = client.post(EMBEDDINGS, json=body, headers={"x-min-accuracy": "0.99"})

    assert "x-quantroute-infeasible" not in plain.headers
    assert own.headers["x-quantroute-infeasible"] == "accuracy"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": 5}, "input"),
        ({"input": ["a"] * 1025}, "input"),
        ({"input": "a", "encoding_format": "bytes"}, "encoding_format"),
        ({"input": "word " * 600}, "input"),
        ({"input": [1] * 600}, "input"),
        ({"input": ["a", "word " * 600]}, "input"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], param: str) -> None:
    under_test = a_fleet()

    refused = a_client(under_test).post(EMBEDDINGS, json={"model": "auto", **fields})

    assert refused.status_code == 400
    assert (refused.json()["error"]["param"] or "").startswith(param) or not fields["input"]
    assert under_test.engine.calls == []


@pytest.mark.parametrize(
    "given", ["a", ["a", "b"], [1, 2], [[1, 2], [3]]], ids=["text", "texts", "ids", "lists of ids"]
)
def test_every_form_of_input_reaches_the_engine_as_it_came(given: Any) -> None:
    under_test = a_fleet()
    body = {"model": "auto", "input": given, "dimensions": 3, "encoding_format": "base64"}

    assert a_client(under_test).post(EMBEDDINGS, json=body).status_code == 200

    ((_, call),) = under_test.engine.calls
    assert call.body == {**body, "model": "vectors"}
