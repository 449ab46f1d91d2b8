"""What callers and operators see of a published policy over HTTP."""

from __future__ import annotations

import json
from dataclasses import replace

from starlette.requests import Request
from starlette.types import Message

from serve_app.api.request_reader import receive_inference_request
from serve_app.core.policy import PairPolicy, PublishedPolicy
from serve_app.core.request import Constraints
from serve_app.settings import IngressSettings
from tests.api.apps import CHAT, a_body, a_client
from tests.gateways import CATALOG, SETTINGS, gateway_under_test
from tests.policies import switching_off, with_policy

OFF = with_policy(CATALOG, switching_off("cheap", defaults=Constraints(max_cost_usd=5.0)))


def test_route_names_the_policy_and_the_rejection() -> None:
    decision = a_client(gateway_under_test(catalog=OFF)).post("/v1/route", json=a_body()).json()

    assert (decision["chosen"], decision["policy_version"]) == ("dear", "7")
    assert decision["constraints"]["max_cost_usd"] == 5.0
    assert [(each["pair"], each["rule"]) for each in decision["rejected"]] == [
        ("cheap", "switched_off")
    ]


def test_the_fleet_files_policy_has_no_version() -> None:
    assert (
        (a_client(gateway_under_test()).post("/v1/route", json=a_body()).json()["policy_version"])
        is None
    )


def test_a_pair_that_is_off_is_refused_by_its_id_and_not_worth_a_retry() -> None:
    client = a_client(gateway_under_test(catalog=OFF))

    answer = client.post(CHAT, json=a_body(model="cheap"))
    route = client.post("/v1/route", json=a_body(model="cheap")).json()

    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "never_servable"
    assert "switched off by the policy of version 7" in answer.json()["error"]["message"]
    assert answer.headers["x-should-retry"] == "false"
    assert [each["rule"] for each in route["rejected"]] == ["switched_off"]


def test_models_show_which_pairs_are_off() -> None:
    listed = a_client(gateway_under_test(catalog=OFF)).get("/v1/models").json()["data"]

    states = {entry["id"]: entry["state"] for entry in listed if "state" in entry}
    assert states == {"cheap": "off", "dear": "ready"}


def test_admin_shows_the_policy_in_use_and_what_is_published() -> None:
    client = a_client(gateway_under_test(catalog=OFF))

    view = client.get("/admin/policy").json()

    assert (view["version"], view["refused"]) == ("7", None)
    assert view["published"]["pairs"]["cheap"]["enabled"] is False
    assert view["switched_off"] == ["cheap"]
    assert view["in_use"]["defaults"]["max_cost_usd"] == 5.0
    assert view["in_use"]["weights"]["chat"] == {"accuracy": 0.0, "latency": 0.0, "cost": 1.0}
    assert client.get("/admin/catalog").json()["policy_version"] == "7"


def test_without_a_catalog_the_fleet_files_policy_is_in_use() -> None:
    view = a_client(gateway_under_test(catalog=None)).get("/admin/policy").json()

    assert (view["version"], view["published"]) == (None, None)
    assert view["in_use"]["static_fallback"] == list(SETTINGS.static_fallback)


def test_a_published_default_holds_for_requests_that_set_none() -> None:
    under_test = gateway_under_test()
    client = a_client(under_test)
    policy = PublishedPolicy(defaults=Constraints(min_accuracy=0.99, on_infeasible="refuse"))

    before = client.post(CHAT, json=a_body())
    under_test.catalog.publish(with_policy(CATALOG, policy))
    after = client.post(CHAT, json=a_body())
    own = client.post(CHAT, json=a_body(routing={"min_accuracy": None}))

    assert [before.status_code, after.status_code, own.status_code] == [200, 422, 200]


def test_the_cost_that_a_caller_sees_is_at_the_published_price() -> None:
    policy = PublishedPolicy(pairs={"cheap": PairPolicy(usd_per_hour=0.2)})

    costs = [
        a_client(gateway_under_test(catalog=catalog)).post(CHAT, json=a_body()).json()["usage"]
        for catalog in (CATALOG, with_policy(CATALOG, policy))
    ]

    assert costs[1]["cost_usd"] == 2 * costs[0]["cost_usd"]


async def test_a_slow_upload_is_read_with_the_policy_of_its_end() -> None:
    under_test = gateway_under_test(settings=replace(SETTINGS, defaults=Constraints()))

    async def receive() -> Message:
        under_test.catalog.publish(OFF)
        return {"type": "http.request", "body": json.dumps(a_body()).encode()}

    request = await receive_inference_request(
        Request({"type": "http", "headers": [], "state": {"request_id": "r"}}, receive),
        IngressSettings(),
        under_test.gateway.snapshot,
        under_test.clock,
    )
    under_test.catalog.publish(CATALOG)
    decision = (await under_test.gateway.explain(request)).decision

    assert request.constraints.max_cost_usd == 5.0
    assert (decision.chosen, decision.policy_version) == ("dear", "7")
