"""What bad input gets: a 4xx in OpenAI's shape that names the field, and no engine touched."""

from __future__ import annotations

import json
from typing import Any

import pytest

from serve_app.core.events import RejectReason, RequestRejected
from tests.api.apps import CHAT, a_body, a_client
from tests.builders import a_pair
from tests.gateways import gateway_under_test

ROUTING: list[tuple[dict[str, Any], str]] = [
    (a_body(routing=[]), "routing"),
    (a_body(routing={"budget": 1}), "routing.budget"),
    (a_body(routing={"latency_budget_ms": 0}), "routing.latency_budget_ms"),
    (a_body(routing={"latency_budget_ms": -5}), "routing.latency_budget_ms"),
    (a_body(routing={"latency_budget_ms": "400"}), "routing.latency_budget_ms"),
    (a_body(routing={"ttft_budget_ms": True}), "routing.ttft_budget_ms"),
    (a_body(routing={"min_accuracy": 1.01}), "routing.min_accuracy"),
    (a_body(routing={"max_cost_usd": 0}), "routing.max_cost_usd"),
    (a_body(routing={"deadline_quantile": 0.999}), "routing.deadline_quantile"),
    (a_body(routing={"deadline_quantile": None}), "routing.deadline_quantile"),
    (a_body(routing={"preset": "fast"}), "routing.preset"),
    (a_body(routing={"on_infeasible": "panic"}), "routing.on_infeasible"),
]
HEADERS: list[tuple[dict[str, str], str]] = [
    ({"x-latency-budget-ms": "0"}, "x-latency-budget-ms"),
    ({"x-latency-budget-ms": "soon"}, "x-latency-budget-ms"),
    ({"x-ttft-budget-ms": "nan"}, "x-ttft-budget-ms"),
    ({"x-min-accuracy": "1.5"}, "x-min-accuracy"),
    ({"x-min-accuracy": ""}, "x-min-accuracy"),
    ({"x-max-cost-usd": "inf"}, "x-max-cost-usd"),
    ({"x-deadline-quantile": "0.3"}, "x-deadline-quantile"),
    ({"x-routing-preset": "CHAT"}, "x-routing-preset"),
    ({"x-on-infeasible": "no"}, "x-on-infeasible"),
]
# What an engine should never see in a field that the router reads.
NOT_FINITE = ["temperature", "top_p", "presence_penalty", "logit_bias"]
NOT_JSON = [
    b"",
    b"{",
    b"{'model': 'auto'}",
    b'{"model": "auto",}',
    b'{"temperature": NaN}',
    b'"auto"',
    b"[]",
    b"null",
    b"\xff\xfe{}",
    b'{"model": "\\ud800"}',
    b"[" * 5000,
    b'{"a":' * 1500,
    b'{"seed": ' + b"9" * 5000 + b"}",
]


def check_refused(path: str, status: int, param: str | None, **request: Any) -> dict[str, Any]:
    under_test = gateway_under_test()
    answer = a_client(under_test).post(path, **request)

    assert answer.status_code == status, answer.text
    error: dict[str, Any] = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param
    assert "Traceback" not in error["message"]
    assert under_test.engine.calls == []
    return error


@pytest.mark.parametrize(("body", "param"), ROUTING)
def test_a_wrong_constraint_is_named(body: dict[str, Any], param: str) -> None:
    for path in (CHAT, "/v1/route"):
        error = check_refused(path, 400, param, json=body)
        assert error["message"].startswith(param)


@pytest.mark.parametrize(("headers", "param"), HEADERS)
def test_a_wrong_header_is_named(headers: dict[str, str], param: str) -> None:
    check_refused(CHAT, 400, param, json=a_body(), headers=headers)


@pytest.mark.parametrize("raw", NOT_JSON, ids=lambda raw: repr(raw[:20]))
def test_a_body_that_is_no_json_object_is_refused(raw: bytes) -> None:
    check_refused(CHAT, 400, None, content=raw)


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"content": b"{"}, "bad_request"),
        ({"json": a_body(messages=[])}, "bad_request"),
        ({"json": a_body(), "headers": {"x-min-accuracy": "2"}}, "bad_request"),
        ({"content": b" " * 10_001}, "body_too_large"),
        ({"json": a_body(model="gpt-4")}, "unknown_model"),
    ],
)
def test_every_refusal_is_told_for_metrics(request_: dict[str, Any], reason: RejectReason) -> None:
    under_test = gateway_under_test()
    a_client(under_test).post(CHAT, **request_)

    assert under_test.events.seen == [RequestRejected(reason=reason)]


@pytest.mark.parametrize("field", NOT_FINITE)
def test_a_number_beyond_all_floats_is_refused(field: str) -> None:
    value = '{"5": 1e999}' if field == "logit_bias" else "1e999"
    rest = json.dumps(a_body())[1:]

    check_refused(CHAT, 400, field, content=f'{{"{field}": {value}, {rest}')


@pytest.mark.parametrize(
    "value", ["1" * 400, '[{"a": 18446744073709551616}]', "1e999", "[-1E+400]"]
)
def test_a_number_that_no_engine_holds_is_refused_in_any_field(value: str) -> None:
    rest = json.dumps(a_body())[1:]

    error = check_refused(CHAT, 400, "top_k", content=f'{{"top_k": {value}, {rest}')
    assert error["message"].startswith("top_k: ")


@pytest.mark.parametrize(
    "value", ["18446744073709551615", "1e308", '"1e999 and 9999999999999999999"']
)
def test_a_number_that_fits_passes_and_text_is_no_number(value: str) -> None:
    under_test, rest = gateway_under_test(), json.dumps(a_body())[1:]

    assert a_client(under_test).post(CHAT, content=f'{{"odd": {value}, {rest}').status_code == 200
    ((_, call),) = under_test.engine.calls
    assert call.body["odd"] == json.loads(value)


def test_an_unknown_routing_field_is_answered_with_the_known_ones() -> None:
    error = check_refused(CHAT, 400, "routing.budget", json=a_body(routing={"budget": 1}))

    assert "no such field" in error["message"]
    assert "latency_budget_ms, ttft_budget_ms, min_accuracy" in error["message"]


def test_a_value_that_fits_no_member_of_a_union_is_told_all_of_them() -> None:
    messages = [{"role": "user", "content": 5}]

    error = check_refused(CHAT, 400, "messages[0].content", json=a_body(messages=messages))

    assert error["message"] == (
        "messages[0].content: Input should be a valid string or Input should be a valid list"
    )


def test_header_and_body_may_agree_but_not_differ() -> None:
    body = a_body(routing={"min_accuracy": 0.5})
    agreeing = a_client(gateway_under_test()).post(
        CHAT, json=body, headers={"x-min-accuracy": "0.50"}
    )
    assert agreeing.status_code == 200

    error = check_refused(
        CHAT, 400, "routing.min_accuracy", json=body, headers={"x-min-accuracy": "0.6"}
    )
    assert "0.6" in error["message"]
    assert "0.5" in error["message"]


def test_an_unknown_model_is_a_404_that_lists_the_known_ones() -> None:
    error = check_refused(CHAT, 404, "model", json=a_body(model="gpt-4"))

    assert error["code"] == "model_not_found"
    for known in ("auto", "cheap", "dear", "model-a"):
        assert repr(known) in error["message"]


def test_a_model_name_without_end_is_not_sent_back_whole() -> None:
    error = check_refused(CHAT, 404, "model", json=a_body(model="x" * 9_000))

    assert len(error["message"]) < 300


def test_a_prompt_that_no_pair_can_hold_is_a_bad_request() -> None:
    long = [{"role": "user", "content": "word " * 1900}]
    under_test = gateway_under_test(
        pairs=[a_pair("cheap", context_window=1000), a_pair("dear", context_window=9)]
    )

    answer = a_client(under_test).post(CHAT, json=a_body(messages=long))

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "context_length_exceeded"
    assert answer.json()["error"]["param"] == "messages"
    assert "1000" in answer.json()["error"]["message"]
    assert under_test.engine.calls == []


@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_over_the_limit_is_a_413(chunked: bool) -> None:
    raw = json.dumps(a_body(user="x" * 10_000)).encode()
    parts = (raw[start : start + 1000] for start in range(0, len(raw), 1000))

    error = check_refused(CHAT, 413, None, content=parts if chunked else raw)

    assert error["code"] == "body_too_large"
    assert "10000 bytes" in error["message"]


def test_constraints_that_cannot_be_met_are_a_422_when_asked_to_refuse() -> None:
    wishes = {"min_accuracy": 0.99, "latency_budget_ms": 1, "on_infeasible": "refuse"}

    error = check_refused(CHAT, 422, "routing", json=a_body(routing=wishes))

    assert error["code"] == "infeasible_constraints"
    assert "'accuracy', 'latency'" in error["message"]


def test_a_capability_that_no_pair_has_is_a_400_naming_the_field() -> None:
    under_test = gateway_under_test(pairs=[a_pair("cheap", capabilities=[])])
    schema = {"type": "json_schema", "json_schema": {"name": "s", "schema": {}}}

    answer = a_client(under_test).post(CHAT, json=a_body(response_format=schema))

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "response_format"
    assert under_test.engine.calls == []


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v2/anything", 404, "not_found"),
        ("GET", CHAT, 405, "method_not_allowed"),
        ("DELETE", "/v1/models", 405, "method_not_allowed"),
        ("GET", "/v1/models/gpt-4", 404, "model_not_found"),
    ],
)
def test_a_wrong_address_is_answered_in_the_same_shape(
    method: str, path: str, status: int, code: str
) -> None:
    answer = a_client(gateway_under_test()).request(method, path)

    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code
