"""`POST /v1/feedback` takes scores, says what it did, and refuses with a sentence."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.testclient import TestClient

from serve_app.core.errors import FeedbackUnavailable
from serve_app.core.events import FeedbackRefused
from tests.api.apps import CHAT, a_body, a_client
from tests.builders import a_catalog, a_profile, an_accuracy
from tests.gateways import GatewayUnderTest, gateway_under_test

FEEDBACK = "/v1/feedback"
CATALOG = a_catalog(
    a_profile(
        "cheap", accuracy={"conversation": an_accuracy(0.8, lower=0.75, items=20)}, usd_per_hour=0.1
    ),
    a_profile("dear", accuracy=0.9, usd_per_hour=1.0),
)


def decision_of_an_answer(client: TestClient) -> str:
    decision: str = client.post(CHAT, json=a_body()).headers["x-quantroute-decision"]
    return decision


def given(client: TestClient, **fields: object) -> Any:
    return client.post(FEEDBACK, json=fields)


def learn(under_test: GatewayUnderTest) -> None:
    asyncio.run(under_test.feedback.exchange())


def test_a_score_is_taken_and_says_whom_it_is_about() -> None:
    client = a_client(gateway_under_test())
    decision = decision_of_an_answer(client)

    answer = given(client, decision_id=decision, score=0.25)

    assert answer.status_code == 202
    assert answer.json() == {
        "decision_id": decision,
        "pair": "cheap",
        "task": "conversation",
        "score": 0.25,
        "weight": 0.5,
        "repeated": False,
        "in_use_within_s": 1.0,
    }


@pytest.mark.parametrize(("verdict", "score"), [("good", 1.0), ("bad", 0.0)])
def test_a_verdict_is_the_score_at_its_end_of_the_scale(verdict: str, score: float) -> None:
    client = a_client(gateway_under_test())

    answer = given(client, decision_id=decision_of_an_answer(client), verdict=verdict)

    assert (answer.status_code, answer.json()["score"]) == (202, score)


def test_bad_verdicts_change_where_route_sends_the_same_request() -> None:
    under_test = gateway_under_test(catalog=CATALOG)
    client = a_client(under_test)
    floor = a_body(routing={"min_accuracy": 0.7})
    assert client.post("/v1/route", json=floor).json()["chosen"] == "cheap"

    for _ in range(10):
        given(client, decision_id=decision_of_an_answer(client), verdict="bad")
    learn(under_test)

    decision = client.post("/v1/route", json=floor).json()
    assert decision["chosen"] == "dear"
    assert "by feedback" in decision["rejected"][0]["got"]
    unfloored = client.post("/v1/route", json=a_body()).json()
    moved = unfloored["ranked"][0]["prediction"]["feedback"]
    assert moved["mean"] == pytest.approx(0.64 - 0.8)
    assert "feedback moved the accuracy of cheap by -0.160" in unfloored["reason"]


def test_admin_shows_what_is_estimated_and_from_how_much() -> None:
    under_test = gateway_under_test(catalog=CATALOG)
    client = a_client(under_test)
    assert client.get("/admin/feedback").json() == {"estimates": []}

    given(client, decision_id=decision_of_an_answer(client), verdict="bad")
    learn(under_test)

    (estimate,) = client.get("/admin/feedback").json()["estimates"]
    assert (estimate["pair"], estimate["task"], estimate["callers"]) == ("cheap", "conversation", 1)
    assert estimate["prior"] == {"mean": 0.8, "lower": 0.75, "items": 20, "upper": 1.0}
    assert estimate["lower"] < estimate["prior"]["lower"]


def test_the_same_score_again_is_fine_and_counts_once() -> None:
    client = a_client(gateway_under_test())
    decision = decision_of_an_answer(client)
    given(client, decision_id=decision, score=1)

    again = given(client, decision_id=decision, verdict="good")

    assert (again.status_code, again.json()["repeated"], again.json()["weight"]) == (200, True, 0)


def test_another_score_for_the_same_answer_is_a_conflict() -> None:
    client = a_client(gateway_under_test())
    decision = decision_of_an_answer(client)
    given(client, decision_id=decision, score=1)

    other = given(client, decision_id=decision, score=0)

    error = other.json()["error"]
    assert (other.status_code, error["code"], error["param"]) == (409, "feedback_conflict", "score")
    assert "has the score 1 already" in error["message"]


def test_an_unknown_decision_is_told_how_long_ids_are_kept() -> None:
    answer = given(a_client(gateway_under_test()), decision_id="never", score=1)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (404, "decision_not_found")
    assert error["param"] == "decision_id"
    assert "the last 20000 answered requests of 24 hours" in error["message"]


@pytest.mark.parametrize(
    ("body", "param", "said"),
    [
        ({"score": 1}, "decision_id", "Field required"),
        ({"decision_id": "", "score": 1}, "decision_id", "at least 1 character"),
        ({"decision_id": "d" * 201, "score": 1}, "decision_id", "at most 200 characters"),
        ({"decision_id": 7, "score": 1}, "decision_id", "valid string"),
        ({"decision_id": "d", "score": 1.01}, "score", "less than or equal to 1"),
        ({"decision_id": "d", "score": -1}, "score", "greater than or equal to 0"),
        ({"decision_id": "d", "score": "1"}, "score", "valid number"),
        ({"decision_id": "d", "score": True}, "score", "valid number"),
        ({"decision_id": "d", "score": []}, "score", "valid number"),
        ({"decision_id": "d", "verdict": True}, "verdict", "'good' or 'bad'"),
        ({"decision_id": "d", "score": None, "verdict": None}, None, "got neither"),
        ({"decision_id": "d", "verdict": "fine"}, "verdict", "'good' or 'bad'"),
        ({"decision_id": "d", "score": 1, "task": "code"}, "task", "not permitted"),
        ({"decision_id": "d"}, None, "got neither"),
        ({"decision_id": "d", "score": 1, "verdict": "good"}, None, "got both"),
    ],
)
def test_a_wrong_body_is_refused_naming_the_field_and_what_is_allowed(
    body: dict[str, object], param: str | None, said: str
) -> None:
    under_test = gateway_under_test()

    answer = a_client(under_test).post(FEEDBACK, json=body)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "invalid_request", param)
    assert said in error["message"]
    assert under_test.events.of(FeedbackRefused) == [FeedbackRefused(reason="bad_request")]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"decision_id": "d", "score": NaN}',
        b'{"decision_id": "d", "score": 1e999}',
        b'{"decision_id": "d", "score": ' + b"9" * 400 + b"}",
        b'{"decision_id": ' + b"[" * 5_000,
        b'{"decision_id": "\\ud800", "verdict": "bad", "score": 0}',
    ],
)
def test_no_bytes_get_a_500(raw: bytes) -> None:
    answer = a_client(gateway_under_test()).post(FEEDBACK, content=raw)

    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


def test_an_id_that_is_no_text_is_unknown_and_nothing_worse() -> None:
    raw = b'{"decision_id": "\\u0000\\u202e", "verdict": "bad"}'

    assert a_client(gateway_under_test()).post(FEEDBACK, content=raw).status_code == 404


def test_a_body_over_the_limit_is_refused() -> None:
    client = a_client(gateway_under_test(), body_limit_bytes=100)

    answer = client.post(FEEDBACK, json={"decision_id": "d" * 200, "score": 1})

    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")


def test_no_body_of_feedback_may_be_as_large_as_a_prompt() -> None:
    client = a_client(gateway_under_test(), body_limit_bytes=10_000_000)

    answer = client.post(FEEDBACK, content=b" " * 20_000)

    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")
    assert "16384 bytes" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "nonsense", ""]
)
def test_a_body_is_read_as_json_whatever_its_content_type(content_type: str) -> None:
    client = a_client(gateway_under_test())
    decision = decision_of_an_answer(client)

    answer = client.post(
        FEEDBACK,
        content=b'{"decision_id": "%s", "verdict": "bad"}' % decision.encode(),
        headers={"content-type": content_type},
    )

    assert answer.status_code == 202


def test_other_methods_are_refused() -> None:
    answer = a_client(gateway_under_test()).get(FEEDBACK)

    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")


def test_a_actor_that_is_away_is_said_with_when_to_come_back() -> None:
    class Away:
        async def exchange(self, *_: object) -> Any:
            raise FeedbackUnavailable("RayActorError", 1.0)

        take = exchange

    client = a_client(gateway_under_test(store=Away()))
    answer = given(client, decision_id=decision_of_an_answer(client), score=1)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["error"]["code"] == "feedback_unavailable"


def test_what_grading_cost_is_told_apart_in_the_account() -> None:
    account = a_client(gateway_under_test()).get("/admin/cost").json()

    assert account["shadow"]["cost_usd"] == 0.0
