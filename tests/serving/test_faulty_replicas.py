"""A pair of four real replicas behind two ingress replicas. Some of the four hang or are killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from serve_app.bench.fleet_run import BenchApp, running, small_pair
from tests.paths import REPOSITORY, SMOLLM2_PROFILES
from tests.serving.faulty_fleet import FOLDER
from tests.waiting import GIVE_UP_S

pytestmark = pytest.mark.ray

FOUR, OTHER = "smollm2-135m-w8a8", "smollm2-135m-bf16"
READS = 12


@dataclass(frozen=True, slots=True)
class FaultyFleet:
    http: httpx2.Client
    folder: Path

    def replicas(self) -> dict[str, int]:
        """The asked replicas of the pair of four, and how often each was asked."""
        return {
            path.name.split(".")[-2]: int(path.read_text() or 0)
            for path in self.folder.glob(f"{FOUR}.*.asked")
        }

    def fault(self, name: str, fault: str) -> Path:
        path = self.folder / f"{name}.{fault}"
        path.touch()
        return path

    def kill(self, replica: str) -> None:
        pid = int((self.folder / f"{FOUR}.{replica}.pid").read_text())
        os.kill(pid, signal.SIGKILL)

    def stream(self, model: str = "auto") -> tuple[str, str]:
        """The pair that served a stream, and all of its text."""
        body = {"model": model, "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
        reply = self.http.post("/v1/chat/completions", json=body)
        return reply.headers.get("x-quantroute-pair", str(reply.status_code)), reply.text

    def breakers(self) -> list[dict[str, Any]]:
        """What several reads show, of whichever ingress replica answers each."""
        return [
            self.http.get("/admin/breakers", headers={"connection": "close"}).json()
            for _ in range(READS)
        ]


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyFleet]:
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    pairs = [
        small_pair(name, max_concurrency=8)
        | {"replicas": {"max": count}, "env": {FOLDER: str(tmp_path)}}
        for name, count in ((FOUR, 4), (OTHER, 1))
    ]
    args = {
        "pairs": pairs,
        "store": {"url": str(SMOLLM2_PROFILES)},
        "routing": {
            "reference_pair": OTHER,
            "static_fallback": OTHER,
            "defaults": {},
            "weights": {"balanced": {"accuracy": 0, "latency": 0, "cost": 1}},
            "attempt_timeout_min_ms": 2000,
            "breaker": {"failures_to_open": 3, "cool_down_s": 600, "max_cool_down_s": 600},
        },
        "ingress": {"replicas": {"min": 2, "max": 2}},
        "classifier": {"deadline_ms": 5000},
    }
    app = BenchApp(
        name="quantroute",
        import_path="tests.serving.faulty_fleet:build_app",
        route_prefix="/",
        probe="/ready",
        args=args,
    )
    with running([app]) as url, httpx2.Client(base_url=url, timeout=GIVE_UP_S) as http:
        yield FaultyFleet(http, tmp_path)


def test_a_replica_that_hangs_leaves_use_and_one_that_dies_leaves_its_pair_in_use(
    fleet: FaultyFleet,
) -> None:
    with ThreadPoolExecutor(32) as clients:
        list(clients.map(lambda _: fleet.stream(), range(64)))
        names = sorted(fleet.replicas())
        assert len(names) == 4

        hanging, dying = names[:2]
        fleet.fault(hanging, "hangs")
        _until_open(fleet, clients, hanging)
        asked = fleet.replicas()
        served = {pair for pair, _ in clients.map(lambda _: fleet.stream(), range(64))}
        assert FOUR in served
        # On a busy machine an attempt at a healthy replica may be late.
        assert served <= {FOUR, OTHER}
        assert fleet.replicas()[hanging] == asked[hanging]
        assert all(each[FOUR]["state"] == "closed" for each in fleet.breakers())

        slow = fleet.fault(FOUR, "slow")
        before = fleet.replicas()
        streams = [clients.submit(fleet.stream) for _ in range(30)]
        _until(lambda: sum(fleet.replicas().values()) >= sum(before.values()) + 30)
        fleet.kill(dying)
        slow.unlink()
        ends = [stream.result() for stream in streams]
        assert sum('"error"' in text for _, text in ends) >= 5
        assert all(each[FOUR]["state"] == "closed" for each in fleet.breakers())
        # Until Ray Serve has seen the death, some requests move on to the other pair.
        _until(
            lambda: {pair for pair, _ in clients.map(lambda _: fleet.stream(), range(64))} == {FOUR}
        )
        assert all(each[FOUR]["state"] == "closed" for each in fleet.breakers())

        fleet.fault(OTHER, "breaks")
        for _ in range(3):
            fleet.stream(OTHER)
        _until(lambda: all(each[OTHER]["state"] == "open" for each in fleet.breakers()))


def _until_open(fleet: FaultyFleet, clients: ThreadPoolExecutor, replica: str) -> None:
    """Sends streams until both ingress replicas leave the replica of the pair alone."""

    def is_open(breakers: dict[str, Any]) -> bool:
        known = breakers[FOUR]["replicas"].get(replica)
        return known is not None and known["state"] == "open"

    def left_alone() -> bool:
        list(clients.map(lambda _: fleet.stream(), range(16)))
        return all(is_open(each) for each in fleet.breakers())

    _until(left_alone)


def _until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + GIVE_UP_S
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)
