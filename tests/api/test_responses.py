"""`/v1/responses`: read for routing, passed on as it came, answered in typed events."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from serve_app.core.errors import EngineFailed, EngineRejected
from serve_app.core.events import Answered
from serve_app.settings import RoutingSettings
from serve_app.testing import Script
from tests.api.apps import a_client
from tests.api.typed_events import typed_events
from tests.builders import a_pair
from tests.gateways import SETTINGS, gateway_under_test

RESPONSES = "/v1/responses"
TOOL = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}
FORMAT = {"type": "json_schema", "name": "city", "schema": {"type": "object"}}


def asked(**fields: Any) -> dict[str, Any]:
    return {"model": "auto", "input": "Hi", **fields}


def test_a_response_has_the_pair_as_its_model_its_cost_and_is_not_stored() -> None:
    under_test = gateway_under_test({"cheap": Script(model="another-name")})

    answer = a_client(under_test).post(RESPONSES, json=asked())

    response = answer.json()
    assert answer.status_code == 200
    assert answer.headers["x-quantroute-pair"] == "cheap"
    assert response["model"] == "cheap"
    assert response["output"][0]["content"][0]["text"] == "Hello world"
    assert response["usage"]["cost_usd"] > 0
    assert response["store"] is False
    (answered,) = under_test.events.of(Answered)
    assert (answered.prompt_tokens, answered.completion_tokens) == (7, 2)


def test_a_stream_has_named_events_and_ends_with_usage_and_cost() -> None:
    under_test = gateway_under_test({"cheap": Script(model="another-name")})

    answer = a_client(under_test).post(RESPONSES, json=asked(stream=True))

    events = typed_events(answer.text)
    names = [name for name, _ in events]
    assert names == [data["type"] for _, data in events]
    assert names[0] == "response.created"
    assert names[-1] == "response.completed"
    assert events[0][1]["response"]["model"] == "cheap"
    last = events[-1][1]["response"]
    assert (last["model"], last["store"]) == ("cheap", False)
    assert last["usage"]["cost_usd"] > 0
    assert "[DONE]" not in answer.text
    (answered,) = under_test.events.of(Answered)
    assert (answered.prompt_tokens, answered.completion_tokens) == (7, 2)
    assert answered.ttft_ms is not None


def test_the_engine_gets_the_body_as_it_came() -> None:
    under_test = gateway_under_test()
    body = asked(
        instructions="Be brief",
        input=[{"role": "user", "content": "Hi", "id": None}],
        max_output_tokens=9.0,
        metadata={"a": "b"},
        tools=[],
        reasoning={"effort": "low"},
        routing={"preset": "batch"},
        top_k=3,
    )

    a_client(under_test).post(RESPONSES, json=body)

    ((_, call),) = under_test.engine.calls
    assert call.operation == "responses"
    assert call.body == {
        "model": "cheap",
        "instructions": "Be brief",
        "input": [{"role": "user", "content": "Hi"}],
        "max_output_tokens": 9,
        "metadata": {"a": "b"},
        "reasoning": {"effort": "low"},
        "top_k": 3,
        "stream": False,
        "store": False,
    }


def test_the_pair_s_own_limit_goes_where_a_response_has_it() -> None:
    pairs = [replace(a_pair("cheap"), default_max_tokens=33)]
    under_test = gateway_under_test(
        pairs=pairs, settings=replace(SETTINGS, reference_pair="cheap", static_fallback=("cheap",))
    )

    a_client(under_test).post(RESPONSES, json=asked())

    ((_, call),) = under_test.engine.calls
    assert call.body["max_output_tokens"] == 33
    assert "max_tokens" not in call.body


def test_a_pair_that_fails_after_it_opened_its_stream_is_followed_by_another() -> None:
    under_test = gateway_under_test({"cheap": Script(error=EngineFailed("cheap", "oom"))})

    answer = a_client(under_test).post(RESPONSES, json=asked(stream=True))

    events = typed_events(answer.text)
    assert answer.headers["x-quantroute-pair"] == "dear"
    assert [name for name, _ in events].count("response.created") == 1
    assert events[0][1]["response"]["model"] == "dear"


def test_a_pair_that_fails_after_its_first_token_ends_the_stream_with_an_error_event() -> None:
    failed = Script(error=EngineFailed("cheap", "oom"), error_at=1)
    under_test = gateway_under_test({"cheap": failed})

    answer = a_client(under_test).post(RESPONSES, json=asked(stream=True))

    name, data = typed_events(answer.text)[-1]
    assert answer.headers["x-quantroute-pair"] == "cheap"
    assert (name, data["type"], data["code"]) == ("error", "error", "engine_failed")
    assert data["error"]["type"] == "server_error"


def test_an_engine_s_refusal_of_a_stream_is_a_plain_400() -> None:
    refusal = EngineRejected("cheap", 400, "no such thing", "invalid_request_error", "top_k")
    under_test = gateway_under_test({"cheap": Script(error=refusal)})

    answer = a_client(under_test).post(RESPONSES, json=asked(stream=True))

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "top_k"
    assert under_test.asked_pairs() == ["cheap"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"background": True}, "background"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"input": []}, "input"),
        ({"input": None}, "input"),
        ({"input": 5}, "input"),
        ({"input": [5]}, "input[0]"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]"),
        ({"input": [{"role": "user", "content": 5}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": "Hi"}] * 40}, "input"),
        ({"input": [{"role": "user", "content": ["a"] * 40}]}, "input[0].content"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"max_output_tokens": "many"}, "max_output_tokens"),
        ({"tools": "weather"}, "tools"),
        ({"logit_bias": {"1": "x"}}, "logit_bias"),
        ({"model": ""}, "model"),
        ({"extra_body": {"top_k": 1}}, "extra_body"),
        ({"routing": {"min_accuracy": 2}}, "routing.min_accuracy"),
        ({"input": "word " * 5000}, "input"),
        ({"max_output_tokens": 5000}, "max_output_tokens"),
    ],
)
def test_a_wrong_field_is_named_and_no_engine_is_asked(fields: dict[str, Any], param: str) -> None:
    under_test = gateway_under_test()
    client = a_client(under_test, body_limit_bytes=100_000, max_messages=32, max_message_parts=32)

    answer = client.post(RESPONSES, json=asked(**fields))

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    assert under_test.engine.calls == []
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("fields", "lacking"),
    [
        ({"tools": [TOOL]}, "tools"),
        ({"text": {"format": FORMAT}}, "text"),
        ({"include": ["message.output_text.logprobs"]}, "include"),
        ({"top_logprobs": 2}, "top_logprobs"),
    ],
)
def test_what_no_pair_can_do_is_refused_with_the_field(
    fields: dict[str, Any], lacking: str
) -> None:
    settings: RoutingSettings = replace(
        SETTINGS, reference_pair="cheap", static_fallback=("cheap",)
    )
    under_test = gateway_under_test(pairs=[a_pair("cheap", capabilities=())], settings=settings)

    answer = a_client(under_test).post(RESPONSES, json=asked(**fields))

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, lacking)


def test_what_asks_for_nothing_needs_nothing() -> None:
    settings = replace(SETTINGS, reference_pair="cheap", static_fallback=("cheap",))
    under_test = gateway_under_test(pairs=[a_pair("cheap", capabilities=())], settings=settings)
    body = asked(
        tools=[TOOL], tool_choice="none", text={"format": {"type": "text"}}, background=False
    )

    assert a_client(under_test).post(RESPONSES, json=body).status_code == 200


def test_all_turns_and_results_of_tools_are_read() -> None:
    under_test = gateway_under_test()
    items = [
        {"role": "user", "content": [{"type": "input_text", "text": "one two"}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"three": 4}'},
        {"type": "function_call_output", "call_id": "c", "output": "five six seven"},
        {"role": "developer", "content": "eight"},
        {"type": "reasoning", "summary": [], "id": "r"},
    ]

    answer = a_client(under_test).post(
        "/v1/route", json=asked(input=items, instructions="nine ten")
    )

    # Each of six turns counts for 4 tokens more, and the answer for 3.
    assert answer.json()["features"]["prompt_tokens"] == 10 + 6 * 4 + 3
