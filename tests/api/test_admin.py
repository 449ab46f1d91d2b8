from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from serve_app.core.errors import EngineFailed
from serve_app.core.request import Prompt, PromptClassification
from serve_app.testing import Script
from tests.api.apps import CHAT, a_body, a_client, an_app
from tests.builders import a_catalog, a_profile
from tests.gateways import gateway_under_test


class BrokenClassifier:
    async def classify(self, _: Prompt) -> PromptClassification:
        raise ZeroDivisionError("secret prompt")


def test_route_explains_a_request_and_runs_no_model() -> None:
    under_test = gateway_under_test()

    answer = a_client(under_test).post("/v1/route", json=a_body(routing={"min_accuracy": 0.95}))

    decision = answer.json()
    assert answer.status_code == 200
    assert decision["chosen"] == "cheap"
    assert decision["infeasible"] == ["accuracy"]
    assert [candidate["pair"] for candidate in decision["best_effort"]] == ["cheap", "dear"]
    assert decision["rejected"][0]["rule"] == "accuracy"
    assert decision["constraints"]["min_accuracy"] == 0.95
    assert decision["features"]["classification"]["task"] == "conversation"
    assert under_test.engine.calls == []


def test_route_explains_a_refusal_with_a_200() -> None:
    wishes = {"min_accuracy": 0.99, "on_infeasible": "refuse"}

    answer = a_client(gateway_under_test()).post("/v1/route", json=a_body(routing=wishes))

    assert answer.status_code == 200
    assert (answer.json()["chosen"], answer.json()["refusal"]) == (None, "infeasible")


def test_a_decision_on_published_figures_says_so_to_who_asks_and_to_who_is_answered() -> None:
    published = a_catalog(
        a_profile("cheap", usd_per_hour=0.1, origin="published"), a_profile("dear")
    )
    client = a_client(gateway_under_test(catalog=published))

    decision = client.post("/v1/route", json=a_body()).json()
    answer = client.post(CHAT, json=a_body())

    assert [c["prediction"]["origin"] for c in decision["ranked"]] == ["published", "measured"]
    assert decision["reason"].endswith("cheap is judged on published figures")
    assert answer.headers["x-quantroute-reason"] == decision["reason"]
    # 200 ms after the first 50 ms, as measured; a quarter more on others' word.
    assert float(answer.headers["x-quantroute-predicted-ms"]) == pytest.approx(1.25 * 250)


def test_route_takes_a_completions_body_too() -> None:
    answer = a_client(gateway_under_test()).post(
        "/v1/route", json={"model": "auto", "prompt": "a b c"}
    )

    assert answer.json()["features"]["prompt_tokens"] == 3


def test_when_routing_breaks_the_answer_is_served_and_says_so() -> None:
    answer = a_client(gateway_under_test(classifier=BrokenClassifier())).post(CHAT, json=a_body())

    assert answer.status_code == 200
    assert answer.headers["x-quantroute-pair"] == "dear"
    reason = answer.headers["x-quantroute-reason"]
    assert reason == "routing failed (ZeroDivisionError); 'dear' is the static fallback"
    assert "x-quantroute-predicted-ms" not in answer.headers


def test_the_catalog_in_use_can_be_read() -> None:
    client = a_client(gateway_under_test())

    shown = client.get("/admin/catalog").json()
    assert shown["version"] == "v1"
    assert set(shown["profiles"]) == {"cheap", "dear"}
    assert shown["profiles"]["dear"]["hardware"]["usd_per_hour"] == 1.0
    assert shown["profiles"]["dear"]["provenance"]["origin"] == "measured"


def test_without_a_catalog_there_are_no_profiles() -> None:
    client = a_client(gateway_under_test(catalog=None))

    assert client.get("/admin/catalog").json() == {
        "version": None,
        "policy_version": None,
        "refused": None,
        "profiles": {},
    }


def test_the_reason_is_shown_why_the_stores_catalog_is_not_in_use() -> None:
    under_test = gateway_under_test()
    client = a_client(under_test)
    assert client.get("/admin/catalog").json()["refused"] is None

    under_test.catalog.refuse("it covers none of this fleet's pairs")

    shown = client.get("/admin/catalog").json()
    assert (shown["version"], shown["refused"]) == ("v1", "it covers none of this fleet's pairs")


def test_decisions_breakers_and_cost_can_be_read() -> None:
    client = a_client(gateway_under_test({"cheap": Script(error=EngineFailed("cheap", "oom"))}))
    for _ in range(2):
        client.post(CHAT, json=a_body())

    decisions = client.get("/admin/decisions").json()
    breakers = client.get("/admin/breakers").json()
    cost = client.get("/admin/cost").json()

    assert [decision["id"] for decision in decisions] == ["decision-2", "decision-1"]
    assert (breakers["cheap"]["state"], breakers["dear"]["state"]) == ("open", "closed")
    assert cost["baseline"] == "dear"
    assert cost["pairs"]["dear"]["answers"] == cost["total"]["answers"] == 2


def test_tokens_as_predicted_and_as_counted_can_be_read() -> None:
    client = a_client(gateway_under_test())
    client.post(CHAT, json=a_body())

    shown = client.get("/admin/tokens").json()

    assert set(shown) == {"cheap", "dear"}
    assert (shown["cheap"]["profile"], shown["cheap"]["requests"]) == (1.0, 1.0)
    assert (shown["dear"]["ratio"], shown["dear"]["requests"]) == (1.0, 0.0)


@pytest.mark.parametrize(
    "more",
    [
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
        {"messages": [{"role": "assistant", "tool_calls": [{"id": "1"}]}]},
    ],
)
def test_what_only_an_engine_can_count_corrects_no_ratio(more: dict[str, object]) -> None:
    client = a_client(gateway_under_test())
    client.post(CHAT, json=a_body(**more))

    assert client.get("/admin/tokens").json()["cheap"]["requests"] == 0


def test_a_bug_is_answered_without_a_traceback() -> None:
    under_test = gateway_under_test({"cheap": Script(before_token=lambda _: 1 / 0)})  # type: ignore[arg-type, return-value]
    client = TestClient(an_app(under_test), raise_server_exceptions=False)

    answer = client.post(CHAT, json=a_body())

    assert answer.status_code == 500
    assert answer.headers["x-request-id"]
    assert answer.json()["error"]["code"] == "internal_error"
    assert "division" not in answer.text
