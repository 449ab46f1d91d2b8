from __future__ import annotations

import json
from typing import Any

import pytest

from serve_app.core.errors import EngineBusy, EngineFailed, EngineRejected
from serve_app.testing import Script
from tests.api.apps import CHAT, COMPLETIONS, a_body, a_client
from tests.gateways import gateway_under_test

BROKEN = EngineFailed("cheap", "out of memory")


def events(text: str) -> list[Any]:
    """The data of every event; `[DONE]` stays text."""
    lines = [line.removeprefix("data: ") for line in text.split("\n\n") if line]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


@pytest.mark.parametrize(
    ("path", "body"),
    [(CHAT, a_body()), (COMPLETIONS, {"model": "auto", "prompt": "Hi"})],
)
def test_a_whole_answer_names_its_pair_and_its_cost(path: str, body: dict[str, object]) -> None:
    answer = a_client(gateway_under_test()).post(path, json=body)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["model"] == "cheap"
    assert answer.json()["usage"]["cost_usd"] > 0


def test_headers_say_which_pair_served_and_why() -> None:
    answer = a_client(gateway_under_test()).post(CHAT, json=a_body())

    said = {k: v for k, v in answer.headers.items() if k.startswith("x-quantroute-")}
    assert said["x-quantroute-pair"] == "cheap"
    assert said["x-quantroute-decision"] == "decision-1"
    assert said["x-quantroute-replica"] == "replica-1"
    assert float(said["x-quantroute-predicted-ms"]) == 250.0
    assert float(said["x-quantroute-predicted-cost-usd"]) > 0
    assert float(said["x-quantroute-overhead-ms"]) >= 0
    assert said["x-quantroute-reason"]
    assert "x-quantroute-infeasible" not in said


def test_headers_name_what_the_best_effort_misses() -> None:
    wishes = {"x-latency-budget-ms": "1", "x-min-accuracy": "0.99"}

    answer = a_client(gateway_under_test()).post(CHAT, json=a_body(), headers=wishes)

    assert answer.status_code == 200
    assert answer.headers["x-quantroute-infeasible"].split(",") == ["accuracy", "latency"]


def test_headers_say_that_another_pair_had_failed() -> None:
    under_test = gateway_under_test(
        {"cheap": Script(error=EngineFailed("cheap", "caf\u00e9 \u2603\r\nx-evil: 1"))}
    )

    answer = a_client(under_test).post(CHAT, json=a_body())

    assert answer.headers["x-quantroute-pair"] == "dear"
    assert answer.headers["x-quantroute-reason"].startswith(
        "pair 'cheap' failed: caf? ?  x-evil: 1; 'dear' is next"
    )
    assert "x-evil" not in answer.headers


def test_a_stream_is_these_bytes() -> None:
    under_test = gateway_under_test({"cheap": Script(tokens=("Hé", " you"), prompt_tokens=3)})

    answer = a_client(under_test).post(
        CHAT, json=a_body(stream=True), headers={"x-request-id": "r1"}
    )

    head = (
        '{"id":"fake-r1","object":"chat.completion.chunk","created":0,"model":"cheap","choices":'
        '[{"index":0,"delta":'
    )
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.text == (
        f'data: {head}{{"role":"assistant","content":""}},"finish_reason":null}}]}}\n\n'
        f'data: {head}{{"content":"H\\u00e9"}},"finish_reason":null}}]}}\n\n'
        f'data: {head}{{"content":" you"}},"finish_reason":"stop"}}],'
        '"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}\n\n'
        "data: [DONE]\n\n"
    )


def test_a_caller_who_asks_for_usage_gets_one_more_chunk_with_the_cost() -> None:
    body = a_body(stream=True, stream_options={"include_usage": True})

    *chunks, usage_chunk, done = events(a_client(gateway_under_test()).post(CHAT, json=body).text)

    assert done == "[DONE]"
    assert not any("usage" in chunk for chunk in chunks)
    assert usage_chunk["choices"] == []
    assert usage_chunk["usage"]["cost_usd"] > 0


def test_a_completions_stream_ends_with_usage_too() -> None:
    body = {"model": "auto", "prompt": "Hi", "stream": True}

    *_, last, _ = events(a_client(gateway_under_test()).post(COMPLETIONS, json=body).text)

    assert last["choices"][0]["text"] == " world"
    assert last["usage"]["completion_tokens"] == 2


def test_every_chunk_names_the_pair_whatever_the_engine_calls_itself() -> None:
    under_test = gateway_under_test({"cheap": Script(model="smollm2")})

    *chunks, _ = events(a_client(under_test).post(CHAT, json=a_body(stream=True)).text)

    assert {chunk["model"] for chunk in chunks} == {"cheap"}


def test_an_error_after_the_first_token_ends_the_stream_in_band() -> None:
    under_test = gateway_under_test({"cheap": Script(error=BROKEN, error_at=1)})

    answer = a_client(under_test).post(CHAT, json=a_body(stream=True))

    *chunks, error, done = events(answer.text)
    assert answer.status_code == 200
    assert chunks[-1]["choices"][0]["delta"]["content"] == "Hello"
    assert error["error"]["code"] == "engine_failed"
    assert error["error"]["message"] == "pair 'cheap' failed: out of memory"
    assert done == "[DONE]"
    assert under_test.asked_pairs() == ["cheap"]


@pytest.mark.parametrize("stream", [True, False])
def test_an_error_before_the_first_token_has_a_status(stream: bool) -> None:
    dead = {"cheap": Script(error=BROKEN), "dear": Script(error=EngineBusy("dear"))}

    answer = a_client(gateway_under_test(dead)).post(CHAT, json=a_body(stream=stream))

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["error"]["code"] == "overloaded"
    assert answer.headers["x-request-id"]
    assert answer.headers["x-quantroute-decision"] == "decision-1"


@pytest.mark.parametrize("stream", [True, False])
def test_a_request_that_breaks_two_pairs_is_refused_for_good(stream: bool) -> None:
    broken = {pair: Script(error=EngineFailed(pair, "gone")) for pair in ("cheap", "dear")}

    answer = a_client(gateway_under_test(broken)).post(CHAT, json=a_body(stream=stream))

    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "poison_request")
    assert answer.headers["x-should-retry"] == "false"
    assert answer.headers["x-quantroute-decision"] == "decision-1"
    assert "'cheap' (gone), 'dear' (gone)" in answer.json()["error"]["message"]


def test_what_an_engine_rejects_comes_back_in_its_own_words() -> None:
    error = EngineRejected("cheap", 422, "bad regex", "BadRequestError", "structured_outputs")

    answer = a_client(gateway_under_test({"cheap": Script(error=error)})).post(CHAT, json=a_body())

    assert answer.status_code == 400
    assert answer.json()["error"] == {
        "message": "bad regex",
        "type": "invalid_request_error",
        "param": "structured_outputs",
        "code": "rejected_by_engine",
    }


def test_a_prompt_that_every_engine_finds_too_long_is_a_bad_request() -> None:
    words = "This model's maximum context length is 2048 tokens."
    refusing = {
        pair: Script(error=EngineRejected(pair, 400, words, "t", None))
        for pair in ("cheap", "dear")
    }

    answer = a_client(gateway_under_test(refusing)).post(CHAT, json=a_body())

    assert answer.status_code == 400
    assert answer.headers["x-quantroute-decision"] == "decision-1"
    assert answer.json()["error"]["code"] == "context_length_exceeded"


def test_the_engine_sees_neither_routing_nor_fewer_fields() -> None:
    under_test = gateway_under_test()
    body = a_body(routing={"preset": "batch"}, min_p=0.1, chat_template_kwargs={"a": [1, None]})

    a_client(under_test).post(CHAT, json=body)

    ((_, call),) = under_test.engine.calls
    expected = {k: v for k, v in body.items() if k != "routing"}
    assert call.body == {**expected, "model": "cheap"}


def test_tools_schemas_and_logprobs_are_needs_of_a_request() -> None:
    under_test = gateway_under_test()
    tool = {"type": "function", "function": {"name": "f"}}
    schema = {"type": "json_schema", "json_schema": {"name": "s", "schema": {}}}
    body = a_body(tools=[tool], response_format=schema, logprobs=True)

    explained = a_client(under_test).post("/v1/route", json=body).json()

    assert set(explained["features"]["needs"]) == {"tools", "json_schema", "logprobs"}


def test_the_last_user_turn_is_what_is_asked_and_the_rest_its_context() -> None:
    under_test = gateway_under_test()
    messages = [
        {"role": "system", "content": "one two"},
        {"role": "user", "content": [{"type": "text", "text": "three"}, {"type": "image_url"}]},
        {"role": "assistant", "content": "four"},
    ]

    explained = a_client(under_test).post("/v1/route", json=a_body(messages=messages)).json()

    # Four words, four tokens around each message and three before the answer.
    assert explained["features"]["prompt_tokens"] == 4 + 3 * 4 + 3
