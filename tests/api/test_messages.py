"""`/v1/messages` in Anthropic's shapes: answers, events and errors."""

from __future__ import annotations

from typing import Any

import pytest

from serve_app.core.errors import EngineFailed, EngineRejected
from serve_app.core.events import Answered, RequestRejected
from serve_app.testing import Script
from tests.api.apps import HI, a_client
from tests.api.typed_events import typed_events
from tests.gateways import gateway_under_test

MESSAGES = "/v1/messages"
COUNT = "/v1/messages/count_tokens"
TOOL = {"name": "weather", "input_schema": {"type": "object", "properties": {}}}


def asked(**fields: Any) -> dict[str, Any]:
    return {"model": "auto", "max_tokens": 16, "messages": HI, **fields}


def test_a_message_has_the_pair_as_its_model_and_its_cost() -> None:
    under_test = gateway_under_test({"cheap": Script(model="another-name")})

    answer = a_client(under_test).post(
        MESSAGES,
        json=asked(),
        headers={"x-api-key": "k", "anthropic-version": "2023-06-01", "anthropic-beta": "any"},
    )

    message = answer.json()
    assert (message["type"], message["model"]) == ("message", "cheap")
    assert message["content"] == [{"type": "text", "text": "Hello world"}]
    assert message["usage"]["cost_usd"] > 0
    assert answer.headers["x-quantroute-pair"] == "cheap"
    assert answer.headers["request-id"] == answer.headers["x-request-id"]
    (answered,) = under_test.events.of(Answered)
    assert (answered.prompt_tokens, answered.completion_tokens) == (7, 2)


def test_a_stream_has_named_events_and_tells_usage_and_cost_at_its_end() -> None:
    under_test = gateway_under_test({"cheap": Script(model="another-name")})

    answer = a_client(under_test).post(MESSAGES, json=asked(stream=True))

    events = dict(typed_events(answer.text))
    names = list(events)
    assert (names[0], names[-1]) == ("message_start", "message_stop")
    assert events["message_start"]["message"]["model"] == "cheap"
    assert "cost_usd" not in events["message_start"]["message"]["usage"]
    assert events["message_delta"]["usage"]["cost_usd"] > 0
    assert "[DONE]" not in answer.text
    (answered,) = under_test.events.of(Answered)
    assert (answered.prompt_tokens, answered.completion_tokens) == (7, 2)


def test_the_engine_gets_the_body_as_it_came() -> None:
    under_test = gateway_under_test()
    body = asked(
        system=[{"type": "text", "text": "Be brief", "cache_control": {"type": "ephemeral"}}],
        stop_sequences=["x"],
        tools=[],
        tool_choice={"type": "auto"},
        thinking={"type": "disabled"},
        routing={"preset": "batch"},
        max_tokens=16.0,
        stream=True,
    )

    a_client(under_test).post(MESSAGES, json=body)

    ((_, call),) = under_test.engine.calls
    assert call.operation == "messages"
    assert call.body == {
        "model": "cheap",
        "messages": HI,
        "max_tokens": 16,
        "system": body["system"],
        "stop_sequences": ["x"],
        "thinking": {"type": "disabled"},
        "stream": True,
    }


def test_a_pair_that_fails_after_it_opened_its_stream_is_followed_by_another() -> None:
    under_test = gateway_under_test({"cheap": Script(error=EngineFailed("cheap", "oom"))})

    answer = a_client(under_test).post(MESSAGES, json=asked(stream=True))

    names = [name for name, _ in typed_events(answer.text)]
    assert answer.headers["x-quantroute-pair"] == "dear"
    assert names.count("message_start") == 1


def test_a_pair_that_fails_after_its_first_token_ends_the_stream_with_anthropic_s_error() -> None:
    failed = Script(error=EngineFailed("cheap", "oom"), error_at=1)
    under_test = gateway_under_test({"cheap": failed})

    answer = a_client(under_test).post(MESSAGES, json=asked(stream=True))

    name, data = typed_events(answer.text)[-1]
    assert (name, data["type"], data["error"]["type"]) == ("error", "error", "overloaded_error")
    assert "oom" in data["error"]["message"]


@pytest.mark.parametrize(
    ("fields", "status", "kind", "words"),
    [
        ({"max_tokens": None}, 400, "invalid_request_error", "max_tokens"),
        ({"max_tokens": 0}, 400, "invalid_request_error", "max_tokens"),
        ({"messages": []}, 400, "invalid_request_error", "messages"),
        ({"messages": [{"role": "user"}]}, 400, "invalid_request_error", "messages[0].content"),
        ({"messages": [{"role": "user", "content": [7]}]}, 400, "invalid_request_error", "[0]"),
        ({"messages": HI * 40}, 400, "invalid_request_error", "messages"),
        ({"system": 5}, 400, "invalid_request_error", "system"),
        ({"tool_choice": {"type": "any"}}, 400, "invalid_request_error", "tool_choice"),
        ({"tool_choice": "any"}, 400, "invalid_request_error", "tool_choice"),
        ({"extra_body": {}, "model": "m", "top_k": 1}, 404, "not_found_error", "'m'"),
        ({"model": "claude"}, 404, "not_found_error", "claude"),
        ({"routing": {"no": 1}}, 400, "invalid_request_error", "routing.no"),
        (
            {"messages": [{"role": "user", "content": "word " * 5000}]},
            400,
            "invalid_request_error",
            "prompt is too long",
        ),
        ({"max_tokens": 5000}, 400, "invalid_request_error", "maximum context length"),
        (
            {"routing": {"min_accuracy": 0.999, "on_infeasible": "refuse"}},
            422,
            "invalid_request_error",
            "accuracy",
        ),
    ],
)
def test_errors_have_anthropic_s_shape(
    fields: dict[str, Any], status: int, kind: str, words: str
) -> None:
    under_test = gateway_under_test()
    client = a_client(under_test, body_limit_bytes=100_000, max_messages=32)

    answer = client.post(MESSAGES, json=asked(**fields))

    said = answer.json()
    assert (answer.status_code, said["type"], said["error"]["type"]) == (status, "error", kind)
    assert words in said["error"]["message"]
    assert said["request_id"] == answer.headers["request-id"] == answer.headers["x-request-id"]
    assert under_test.engine.calls == []


def test_a_limit_that_does_not_fit_is_not_called_a_long_prompt() -> None:
    answer = a_client(gateway_under_test()).post(MESSAGES, json=asked(max_tokens=5000))

    assert not answer.json()["error"]["message"].startswith("prompt is too long")


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (EngineRejected("cheap", 400, "bad", "t", None), 400, "invalid_request_error"),
        (EngineFailed("cheap", "oom"), 503, "overloaded_error"),
    ],
)
def test_an_engine_s_failure_has_anthropic_s_shape(
    error: Exception, status: int, kind: str
) -> None:
    script = Script(error=error)  # type: ignore[arg-type]
    under_test = gateway_under_test({"cheap": script})

    answer = a_client(under_test).post(MESSAGES, json=asked(model="cheap"))

    assert (answer.status_code, answer.json()["error"]["type"]) == (status, kind)
    assert answer.headers["x-quantroute-decision"] == "decision-1"


@pytest.mark.parametrize("path", [MESSAGES, f"{MESSAGES}/batches", f"{MESSAGES}/"])
def test_other_addresses_and_methods_below_it_answer_in_the_same_shape(path: str) -> None:
    answer = a_client(gateway_under_test()).get(path)

    assert answer.status_code in (404, 405)
    assert answer.json()["type"] == "error"


def test_a_body_that_is_no_json_or_too_large_is_refused_in_the_same_shape() -> None:
    client = a_client(gateway_under_test(), body_limit_bytes=100)

    garbage = client.post(MESSAGES, content=b"{")
    large = client.post(MESSAGES, content=b" " * 200)

    assert garbage.json()["error"]["type"] == "invalid_request_error"
    assert (large.status_code, large.json()["error"]["type"]) == (413, "request_too_large")


def test_a_refusal_is_counted() -> None:
    under_test = gateway_under_test()

    a_client(under_test).post(MESSAGES, json=asked(max_tokens=None))

    (rejected,) = under_test.events.of(RequestRejected)
    assert rejected.reason == "bad_request"


def test_a_result_of_a_tool_does_not_ask_and_is_read() -> None:
    under_test = gateway_under_test()
    messages = [
        {"role": "user", "content": "one two"},
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "t", "name": "w", "input": {"three": 4}}],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t", "content": "five six"},
                {
                    "type": "tool_result",
                    "tool_use_id": "t",
                    "content": [{"type": "text", "text": "seven"}],
                },
            ],
        },
    ]

    a_client(under_test).post(MESSAGES, json=asked(messages=messages, system="eight"))

    (prompt,) = under_test.gateway.classifier.classified  # type: ignore[attr-defined]
    assert prompt.text == "one two"
    features = under_test.gateway.recent_decisions()[0].features
    assert features is not None
    # Each of five turns counts for 4 tokens more, and the answer for 3.
    assert features.prompt_tokens == 8 + 5 * 4 + 3


def test_tokens_are_counted_without_asking_an_engine() -> None:
    under_test = gateway_under_test()
    client = a_client(under_test)
    body = {"model": "auto", "messages": HI}

    short = client.post(COUNT, json=body)
    longer = client.post(COUNT, json={**body, "tools": [TOOL]})

    assert short.json() == {"input_tokens": 8}
    assert longer.json()["input_tokens"] > 8
    assert under_test.engine.calls == []
    assert client.post(COUNT, json={"model": "no", "messages": HI}).status_code == 404
    assert client.post(COUNT, json={"model": "auto"}).json()["type"] == "error"


def test_a_prompt_that_fits_nowhere_is_still_counted() -> None:
    client = a_client(gateway_under_test(), body_limit_bytes=100_000)
    long = [{"role": "user", "content": "word " * 5000}]

    answer = client.post(COUNT, json={"model": "auto", "messages": long})

    assert answer.json() == {"input_tokens": 5007}
