"""Feedback in a real Ray Serve application with two ingress replicas; its engines are fakes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from profiles.evaluation import read_outcomes
from serve_app.bench.fleet_run import BenchApp, running

pytestmark = pytest.mark.ray

PAIRS = ("smollm2-135m-bf16", "smollm2-135m-w8a8", "smollm2-135m-w4a16")
CHEAP = PAIRS[2]
WITHIN_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    url: str
    log: Path

    def post(self, path: str, body: dict[str, Any]) -> httpx2.Response:
        return httpx2.post(f"{self.url}{path}", json=body, timeout=60)

    def answered(self) -> httpx2.Response:
        body = {"model": CHEAP, "messages": [{"role": "user", "content": "Hello there!"}]}
        return self.post("/v1/chat/completions", body)

    def corrected_replicas(self) -> set[str]:
        """The replicas whose decisions feedback has moved, as far as a few requests show."""
        found = set()
        for _ in range(8):
            body = {"model": CHEAP, "messages": [{"role": "user", "content": "Hello there!"}]}
            reply = self.post("/v1/route", body)
            if reply.json()["ranked"][0]["prediction"]["feedback"] is not None:
                found.add(reply.headers["x-quantroute-replica"])
        return found


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    log = tmp_path_factory.mktemp("graded")
    app = BenchApp(
        name="quantroute",
        import_path="serve_app.bench.fake_fleet:build_app",
        route_prefix="/",
        probe="/ready",
        args=_args(log),
    )
    with running([app]) as url:
        yield Fleet(url=url, log=log)


def test_a_verdict_given_to_any_replica_moves_the_decisions_of_all(fleet: Fleet) -> None:
    taken_elsewhere = False
    for _ in range(30):
        answer = fleet.answered()
        verdict = {"decision_id": answer.headers["x-quantroute-decision"], "verdict": "bad"}
        told = fleet.post("/v1/feedback", verdict)
        assert (told.status_code, told.json()["pair"]) == (202, CHEAP)
        replica = "x-quantroute-replica"
        taken_elsewhere = taken_elsewhere or told.headers[replica] != answer.headers[replica]

    assert taken_elsewhere
    _eventually(lambda: len(fleet.corrected_replicas()) == 2)


def test_another_verdict_is_a_conflict_at_every_replica(fleet: Fleet) -> None:
    decision = fleet.answered().headers["x-quantroute-decision"]
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
        fleet.answered()

    def sources() -> set[str]:
        read = [read_outcomes(file)[1] for file in fleet.log.iterdir()]
        return {outcome.item.split(":")[0] for outcomes in read for outcome in outcomes}

    _eventually(lambda: sources() == {"caller", "shadow"})


def _eventually(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.2)


def _args(log: Path) -> dict[str, Any]:
    return {
        "pairs": [
            {
                "id": name,
                "model": "smollm2-135m-instruct",
                "checkpoint": name,
                "quantization": {"name": "bf16", "weight_bits": 16, "activations": "bf16"},
                "hardware": {"accelerator": "CPU", "count": 1, "usd_per_hour": 0.03},
                "context_window": 2048,
                "max_concurrency": 8,
            }
            for name in PAIRS
        ],
        "routing": {"reference_pair": PAIRS[0], "static_fallback": PAIRS[0]},
        "ingress": {"replicas": {"min": 2, "max": 2}},
        "feedback": {"log": str(log), "shadow": {"share": 1.0}},
    }
