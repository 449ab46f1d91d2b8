"""Judging and feedback in a real Ray Serve application with two ingress replicas."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from profiles.evaluation import read_outcomes
from serve_app.classifier.success_model import ORIGIN
from tests.serving.fake_engine_fleet import (
    ADDED,
    PAIRS,
    REFUSED,
    Fleet,
    fake_engine_fleet,
    predicted,
)
from tests.waiting import eventually

pytestmark = pytest.mark.ray

EASY = "What is the capital of France?"
HARD = "A train leaves at 9:40 and arrives at 13:25. How many minutes does it take? Number only."
SCORES = 40


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    yield from fake_engine_fleet(tmp_path_factory.mktemp("fleet"))


def test_the_success_model_classifies_every_prompt_for_every_pair(fleet: Fleet) -> None:
    easy, hard = fleet.route(EASY), fleet.route(HARD)
    for decision in (easy, hard):
        classification = decision["features"]["classification"]
        assert classification["origin"] == ORIGIN
        assert set(classification["success"]) == set(PAIRS)
    for pair in PAIRS:
        assert predicted(easy, pair)["accuracy"] > predicted(hard, pair)["accuracy"] + 0.2


def test_the_metric_says_that_the_success_model_classified(fleet: Fleet) -> None:
    for _ in range(4):
        assert fleet.answered("auto", EASY).status_code == 200
    eventually(lambda: fleet.metric('quantroute_classifications_total{origin="success_model"}') > 0)


def test_a_pair_added_from_its_profile_alone_is_classified_by_the_prompt(fleet: Fleet) -> None:
    easy, hard = (
        fleet.route(prompt)["features"]["classification"]["success"][ADDED]
        for prompt in (EASY, HARD)
    )
    assert easy["mean"] > hard["mean"] + 0.2
    assert easy["lower"] > hard["lower"]


def test_a_floor_that_an_easy_prompt_meets_is_infeasible_for_a_hard_one(fleet: Fleet) -> None:
    floor = min(predicted(fleet.route(EASY), pair)["accuracy_lower"] for pair in PAIRS)
    assert fleet.route(EASY, min_accuracy=floor)["infeasible"] == []
    assert fleet.route(HARD, min_accuracy=floor)["infeasible"] == ["accuracy"]


def test_a_refused_model_leaves_the_heuristics_and_the_metric_says_so(fleet: Fleet) -> None:
    decision = fleet.route(EASY, application=REFUSED)
    assert decision["features"]["classification"]["origin"] == "heuristics: success model refused"
    assert fleet.answered("auto", application=REFUSED).status_code == 200
    refused = 'quantroute_classifications_total{origin="success_model_refused"}'
    assert fleet.metric(refused, application=REFUSED) == 1


def test_a_verdict_given_to_any_replica_moves_the_decisions_of_all(fleet: Fleet) -> None:
    taken_elsewhere = False
    for _ in range(30):
        answer = fleet.answered(ADDED)
        verdict = {"decision_id": answer.headers["x-quantroute-decision"], "verdict": "bad"}
        told = fleet.post("/v1/feedback", verdict)
        assert (told.status_code, told.json()["pair"]) == (202, ADDED)
        replica = "x-quantroute-replica"
        taken_elsewhere = taken_elsewhere or told.headers[replica] != answer.headers[replica]

    assert taken_elsewhere
    eventually(lambda: len(_corrected(fleet, "Hello there!", ADDED)) == 2)


def test_scores_of_nought_turn_the_choice_to_another_pair_at_every_replica(fleet: Fleet) -> None:
    before = fleet.route(EASY)
    task = before["features"]["classification"]["task"]
    floor = min(predicted(before, pair)["accuracy_lower"] for pair in PAIRS) - 0.005
    preferred = fleet.route(EASY, min_accuracy=floor)["chosen"]

    for _ in range(SCORES):
        answer = fleet.answered(preferred, EASY)
        score = {"decision_id": answer.headers["x-quantroute-decision"], "score": 0}
        assert fleet.post("/v1/feedback", score).json()["task"] == task

    eventually(lambda: _avoiding(fleet, preferred, floor) == 2)
    rejected = fleet.route(EASY, min_accuracy=floor)["rejected"]
    assert (preferred, "accuracy") in {(one["pair"], one["rule"]) for one in rejected}
    estimates = httpx2.get(f"{fleet.url}/admin/feedback", timeout=30).json()["estimates"]
    (estimate,) = (one for one in estimates if (one["pair"], one["task"]) == (preferred, task))
    assert estimate["callers"] > SCORES / 2
    assert estimate["lower"] < estimate["prior"]["lower"]
    shown = fleet.metric(f'quantroute_accuracy_estimate_lower{{pair="{preferred}",task="{task}"}}')
    assert 0 < shown < estimate["prior"]["lower"]


def test_another_verdict_is_a_conflict_at_every_replica(fleet: Fleet) -> None:
    decision = fleet.answered(ADDED).headers["x-quantroute-decision"]
    fleet.post("/v1/feedback", {"decision_id": decision, "score": 1})

    said = {
        fleet.post("/v1/feedback", {"decision_id": decision, "score": 0}).status_code
        for _ in range(6)
    }

    assert said == {409}


def test_an_id_that_no_replica_knows_is_unknown(fleet: Fleet) -> None:
    assert fleet.post("/v1/feedback", {"decision_id": "x", "score": 0}).status_code == 404


def test_answers_are_graded_in_the_shadow_and_both_kinds_of_score_are_logged(fleet: Fleet) -> None:
    for _ in range(6):
        fleet.answered(ADDED)

    def sources() -> set[str]:
        read = [read_outcomes(file)[1] for file in fleet.log.iterdir()]
        return {outcome.item.split(":")[0] for outcomes in read for outcome in outcomes}

    eventually(lambda: sources() == {"caller", "shadow"})


def _corrected(fleet: Fleet, prompt: str, pair: str) -> set[str]:
    """The replicas whose decisions feedback has moved, as far as a few requests show."""
    routes = fleet.routes_by_replica(prompt)
    return {at for at, decision in routes.items() if predicted(decision, pair)["feedback"]}


def _avoiding(fleet: Fleet, pair: str, floor: float) -> int:
    """How many replicas choose another pair, as far as a few requests show."""
    routes = fleet.routes_by_replica(EASY, min_accuracy=floor)
    return sum(decision["chosen"] != pair for decision in routes.values())


@pytest.mark.parametrize("application", ["", REFUSED])
def test_responses_and_messages_stream_over_handles(fleet: Fleet, application: str) -> None:
    response = {"model": "auto", "input": EASY, "stream": True}
    message = {"model": "auto", "messages": [], "max_tokens": 8, "stream": True}
    told = {**message, "messages": [{"role": "user", "content": EASY}]}

    responded = fleet.post(f"{application}/v1/responses", response)
    answered = fleet.post(f"{application}/v1/messages", told)
    refused = fleet.post(f"{application}/v1/messages", message)

    assert responded.headers["x-quantroute-pair"] in PAIRS
    assert "event: response.completed\n" in responded.text
    assert "event: message_stop\n" in answered.text
    assert refused.status_code == 400
    assert refused.json()["error"]["type"] == "invalid_request_error"
    assert refused.headers["request-id"] == refused.headers["x-request-id"]
