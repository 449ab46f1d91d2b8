from __future__ import annotations

import re

import pytest

from serve_app.state.load import Replicas
from tests.api.apps import CHAT, a_body, a_client
from tests.builders import a_catalog, a_profile
from tests.gateways import gateway_under_test


def test_auto_comes_first_then_every_pair_with_what_it_is() -> None:
    auto, cheap, dear = a_client(gateway_under_test()).get("/v1/models").json()["data"]

    assert auto["id"] == "auto"
    assert dear["id"] == "dear"
    assert cheap == {
        "id": "cheap",
        "object": "model",
        "created": 0,
        "owned_by": "quantroute",
        "model": "model-a",
        "quantization": "bf16",
        "context_window": 4096,
        "accelerator": "cpu",
        "accelerator_count": 1,
        "state": "ready",
        "profiled": True,
        "profile_origin": "measured",
    }


def test_a_pair_says_when_its_profile_was_published_by_others() -> None:
    under_test = gateway_under_test(catalog=a_catalog(a_profile("cheap", origin="published")))

    _, cheap, dear = a_client(under_test).get("/v1/models").json()["data"]

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


def test_errors_carry_the_request_id_too() -> None:
    answer = a_client(gateway_under_test()).get("/nowhere", headers={"x-request-id": "trace-1"})

    assert answer.headers["x-request-id"] == "trace-1"
