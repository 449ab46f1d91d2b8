from __future__ import annotations

import re

import pytest

from serve_app.state.load import Replicas
from tests.api.apps import CHAT, a_body, a_client
from tests.builders import a_catalog, a_pair, a_profile
from tests.gateways import gateway_under_test


def test_auto_comes_first_then_models_then_every_pair_with_what_it_is() -> None:
    pairs = [a_pair("cheap"), a_pair("dear", context_window=8192)]
    client = a_client(gateway_under_test(pairs=pairs))

    auto, model, cheap, dear = client.get("/v1/models").json()["data"]

    assert (auto["id"], auto["max_model_len"]) == ("auto", 8192)
    assert model == {
        "id": "model-a",
        "object": "model",
        "created": 0,
        "owned_by": "quantroute",
        "max_model_len": 8192,
        "pairs": ["cheap", "dear"],
    }
    assert dear["id"] == "dear"
    assert cheap == {
        "id": "cheap",
        "object": "model",
        "created": 0,
        "owned_by": "quantroute",
        "model": "model-a",
        "quantization": "bf16",
        "max_model_len": 4096,
        "accelerator": "cpu",
        "accelerator_count": 1,
        "serves": "generate",
        "state": "ready",
        "profiled": True,
        "profile_origin": "measured",
    }


def test_a_pair_says_when_its_profile_was_published_by_others() -> None:
    under_test = gateway_under_test(catalog=a_catalog(a_profile("cheap", origin="published")))

    *_, cheap, dear = a_client(under_test).get("/v1/models").json()["data"]

    assert (cheap["profiled"], cheap["profile_origin"]) == (True, "published")
    assert (dear["profiled"], dear["profile_origin"]) == (False, None)


@pytest.mark.parametrize(("pair", "profiled"), [("cheap", True), ("dear", False)])
def test_a_pair_is_ready_or_cold_whether_measured_or_not(pair: str, profiled: bool) -> None:
    under_test = gateway_under_test(catalog=a_catalog(a_profile("cheap")))
    client = a_client(under_test)

    ready = client.get(f"/v1/models/{pair}").json()
    under_test.load.set_replicas({})
    cold = client.get(f"/v1/models/{pair}").json()

    assert (ready["state"], cold["state"]) == ("ready", "cold")
    assert (ready["profiled"], cold["profiled"]) == (profiled, profiled)


def test_a_pair_whose_deployment_has_failed_says_so() -> None:
    under_test = gateway_under_test(ready=False)
    failed = Replicas(ready=0, starting=0, maximum=1, failure="DEPLOY_FAILED")
    under_test.load.set_replicas({"cheap": failed})
    client = a_client(under_test)

    assert client.get("/v1/models/cheap").json()["state"] == "failed"
    assert (
        "cheap: its deployment has failed: DEPLOY_FAILED" in client.get("/ready").json()["reasons"]
    )


@pytest.mark.parametrize("name", ["auto", "model-a", "cheap"])
def test_every_name_that_a_request_may_use_has_its_own_address(name: str) -> None:
    client = a_client(gateway_under_test())

    assert client.get(f"/v1/models/{name}").json()["max_model_len"] == 4096
    assert client.post(CHAT, json=a_body(model=name)).status_code == 200


def test_a_model_with_the_name_of_a_pair_is_listed_once() -> None:
    pairs = [a_pair("cheap", model="cheap"), a_pair("dear", model="cheap")]

    listed = a_client(gateway_under_test(pairs=pairs)).get("/v1/models").json()["data"]

    assert [entry["id"] for entry in listed] == ["auto", "cheap", "dear"]


@pytest.mark.parametrize("path", ["/v1/models/", "/v1/models/cheap/", "/health/", "/metrics//"])
def test_a_slash_at_the_end_of_an_address_is_served(path: str) -> None:
    answer = a_client(gateway_under_test()).get(path, follow_redirects=False)

    assert answer.status_code == 200


def test_a_body_sent_to_an_address_with_a_slash_is_answered() -> None:
    answer = a_client(gateway_under_test()).post(f"{CHAT}/", json=a_body(), follow_redirects=False)

    assert answer.status_code == 200


ASKED = {
    "origin": "https://chat.example.org",
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,x-latency-budget-ms",
}


@pytest.mark.parametrize("origin", ["https://chat.example.org", "*"])
def test_a_page_of_an_allowed_origin_may_call_and_read_the_headers(origin: str) -> None:
    client = a_client(gateway_under_test(), cors_origins=(origin,))

    asked = client.options(CHAT, headers=ASKED)
    refused = client.post(CHAT, json={}, headers={"origin": "https://chat.example.org"})

    assert asked.status_code == 200
    assert "x-latency-budget-ms" in asked.headers["access-control-allow-headers"]
    assert refused.status_code == 400
    assert refused.headers["access-control-allow-origin"] == origin
    assert refused.headers["access-control-expose-headers"] == "*"
    assert asked.headers["x-request-id"]


def test_without_the_setting_no_page_may_call() -> None:
    answer = a_client(gateway_under_test()).options(CHAT, headers=ASKED)

    assert answer.status_code == 405
    assert "access-control-allow-origin" not in answer.headers


def test_alive_is_not_ready() -> None:
    under_test = gateway_under_test(ready=False)
    under_test.load.set_replicas({"cheap": Replicas(ready=0, starting=1, maximum=1)})
    client = a_client(under_test)

    assert client.get("/health").status_code == 200
    waiting = client.get("/ready")
    assert waiting.status_code == 503
    assert waiting.json()["reasons"] == [
        "cheap: no replica is ready, 1 starting",
        "dear: no replica is ready, 0 starting",
    ]

    under_test.load.set_replicas({"cheap": Replicas(ready=1, starting=0, maximum=1)})
    assert client.get("/ready").status_code == 200


def test_metrics_come_with_their_content_type() -> None:
    answer = a_client(gateway_under_test()).get("/metrics")

    assert answer.text == "quantroute_up 1\n"
    assert answer.headers["content-type"] == "text/plain; version=0.0.4"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("trace-1", True), ("", False), ("a b", False), ("x" * 129, False)],
)
def test_a_request_keeps_its_own_id_if_it_is_fit_for_a_header(sent: str, kept: bool) -> None:
    under_test = gateway_under_test()

    answer = a_client(under_test).post(CHAT, json=a_body(), headers={"x-request-id": sent})

    given = answer.headers["x-request-id"]
    assert (given == sent) is kept
    assert kept or re.fullmatch("[0-9a-f]{32}", given)
    assert under_test.engine.calls[0][1].request_id == given


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/nowhere", "", 404),
        ("GET", CHAT, "", 405),
        ("POST", CHAT, "{", 400),
        ("POST", CHAT, '{"model": "gpt-4", "messages": [{"role": "user"}]}', 404),
        ("POST", CHAT, " " * 10_001, 413),
    ],
)
def test_errors_carry_the_request_id_too(method: str, path: str, body: str, status: int) -> None:
    answer = a_client(gateway_under_test()).request(
        method, path, content=body, headers={"x-request-id": "trace-1"}
    )

    assert answer.status_code == status
    assert answer.headers["x-request-id"] == "trace-1"
