"""How much a request asks for: prompts, sequences, and what of its context the router counts."""

from __future__ import annotations

from typing import Any

import pytest

from serve_app.api.request_reader import read_inference_request
from serve_app.core.inference_request import InferenceRequest
from serve_app.core.ports import Operation
from serve_app.core.request import Constraints
from tests.api.apps import HI, a_body, a_client
from tests.gateways import a_request, gateway_under_test


def read(body: dict[str, Any]) -> InferenceRequest:
    operation: Operation = "chat" if "messages" in body else "completions"
    return read_inference_request(
        body, (), operation=operation, defaults=Constraints(), request_id="r"
    )


def a_text(**fields: object) -> dict[str, object]:
    return {"model": "auto", "prompt": "Once", **fields}


@pytest.mark.parametrize(
    ("body", "prompts", "sequences"),
    [
        (a_body(), 1, 1),
        (a_body(n=3), 1, 3),
        (a_body(n="2"), 1, 2),
        (a_text(), 1, 1),
        (a_text(n=4), 1, 4),
        (a_text(prompt=["a"]), 1, 1),
        (a_text(prompt=["a", "b"]), 2, 2),
        (a_text(prompt=["a", "b"], n=3), 2, 6),
        (a_text(prompt=[1, 2, 3]), 1, 1),
        (a_text(prompt=[[1, 2], [3]]), 2, 2),
        (a_text(prompt=None, prompt_embeds="AAAA"), 1, 1),
        (a_text(prompt=None, prompt_embeds=["AAAA", "BBBB"]), 2, 2),
    ],
)
def test_each_prompt_is_answered_n_times(
    body: dict[str, Any], prompts: int, sequences: int
) -> None:
    request = read(body)

    assert (request.prompts, request.sequences) == (prompts, sequences)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"n": 3},
        {"temperature": 0, "max_tokens": 5, "stop": ["a"], "seed": 1},
        {"user": "me", "metadata": {"a": "b"}},
        {"stream": True, "stream_options": {"include_usage": True}},
        {"tools": [], "tool_choice": "auto", "chat_template_kwargs": None},
        {"routing": {"min_accuracy": 0.5}},
        {"messages": [{"role": "system", "content": "Be short."}, *HI]},
        {"messages": [{"role": "user", "content": ["Hi"]}]},
    ],
)
def test_a_prompt_that_is_all_of_its_context_teaches_the_token_ratio(
    fields: dict[str, Any],
) -> None:
    assert read(a_body(**fields)).wholly_counted


@pytest.mark.parametrize(
    "fields",
    [
        {"truncate_prompt_tokens": 8},
        {"documents": [{"title": "a", "text": "b"}]},
        {"chat_template_kwargs": {"enable_thinking": True}},
        {"chat_template": "{{ messages }}"},
        {"reasoning_effort": "low"},
        {"add_generation_prompt": False},
        {"add_special_tokens": True},
        {"mm_processor_kwargs": {"a": 1}},
        {"tools": [{"type": "function", "function": {"name": "a"}}]},
        {"response_format": {"type": "json_object"}},
        {"brand_new": 1},
        {"messages": [{**HI[0], "name": "Ann"}]},
        {"messages": [*HI, {"role": "assistant", "content": "a", "reasoning": "b"}]},
        {"messages": [*HI, {"role": "critic", "content": "a"}]},
        {"messages": [*HI, {"role": "tool", "content": "a", "tool_call_id": "1"}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "a"}]}]},
    ],
)
def test_what_changes_a_context_in_other_ways_does_not(fields: dict[str, Any]) -> None:
    assert not read(a_body(**fields)).wholly_counted


@pytest.mark.parametrize(
    ("fields", "teaches"),
    [
        ({}, True),
        ({"truncate_prompt_tokens": 8}, False),
        ({"prompt": ["a", "b"]}, False),
        ({"prompt": [1, 2]}, False),
    ],
)
def test_a_text_completion_teaches_where_its_prompt_is_one_text(
    fields: dict[str, Any], teaches: bool
) -> None:
    assert read(a_text(**fields)).wholly_counted is teaches


def test_sequences_multiply_the_predicted_cost() -> None:
    client = a_client(gateway_under_test())

    def cost_usd(**fields: object) -> float:
        decision = client.post("/v1/route", json=a_text(**fields)).json()
        cost: float = decision["ranked"][0]["prediction"]["cost_usd"]
        return cost

    assert cost_usd(prompt=["Once", "Once"]) == pytest.approx(2 * cost_usd())
    assert cost_usd() < cost_usd(n=2) < 2 * cost_usd()


def test_a_cost_cap_holds_for_all_sequences() -> None:
    client = a_client(gateway_under_test())
    one = client.post("/v1/route", json=a_body()).json()
    cap_usd = 1.5 * one["ranked"][0]["prediction"]["cost_usd"]

    many = client.post("/v1/route", json=a_body(n=8, routing={"max_cost_usd": cap_usd})).json()

    assert [rejection["rule"] for rejection in many["rejected"]] == ["cost", "cost"]


async def test_sequences_are_load_while_they_are_answered() -> None:
    under_test = gateway_under_test()

    async with under_test.gateway.answer(a_request(sequences=3)):
        during = under_test.load.view()["cheap"].in_flight

    assert (during, under_test.load.view()["cheap"].in_flight) == (3, 0)
