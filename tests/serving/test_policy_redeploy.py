"""A changed weight, deployed over a real Ray Serve with two ingress replicas and fake engines."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from serve_app.bench.fleet_run import small_pair
from serve_app.launch.ray_process import ServeProcess, free_port
from tests.paths import SMOLLM2_PROFILES
from tests.serving.fake_engine_fleet import PAIRS
from tests.serving.steady_load import SteadyLoad
from tests.waiting import GIVE_UP_S, eventually

pytestmark = pytest.mark.ray

REPLICAS = 2
FILE, CHANGED = 0.15, 0.7
START_S = 300.0


def fleet_file(port: int, policy: dict[str, Any] | None = None) -> dict[str, Any]:
    application: dict[str, Any] = {
        "name": "quantroute",
        "import_path": "serve_app.bench.fake_fleet:build_app",
        "route_prefix": "/",
        "args": {
            "pairs": [small_pair(name, max_concurrency=8) for name in PAIRS],
            "store": {"url": str(SMOLLM2_PROFILES)},
            "routing": {"reference_pair": PAIRS[0], "static_fallback": PAIRS[0]},
            "ingress": {"replicas": {"min": REPLICAS, "max": REPLICAS}},
        },
    }
    if policy is not None:
        application["deployments"] = [{"name": "Ingress", "user_config": {"policy": policy}}]
    return {
        "proxy_location": "HeadOnly",
        "http_options": {"host": "127.0.0.1", "port": port, "request_timeout_s": 600},
        "applications": [application],
    }


@dataclass(kw_only=True)
class Fleet:
    port: int
    process: ServeProcess

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def is_ready(self) -> bool:
        assert self.process.exit_code is None, self.process.log.read_text()[-4000:]
        try:
            return httpx2.get(f"{self.url}/ready", timeout=5).status_code == 200
        except httpx2.TransportError:
            return False

    def application(self) -> dict[str, Any]:
        reply = self._serve_api("GET").json()
        found: dict[str, Any] = reply["applications"]["quantroute"]
        return found

    def pids(self) -> dict[str, set[int]]:
        """Process ids of each deployment's replicas."""
        return {
            name: {each["pid"] for each in deployment["replicas"] if "pid" in each}
            for name, deployment in self.application()["deployments"].items()
        }

    def deploy(self, policy: dict[str, Any] | None) -> None:
        """What `serve deploy` and KubeRay do with a changed file."""
        reply = self._serve_api("PUT", fleet_file(self.port, policy))
        assert reply.status_code == 200, reply.text

    def weights(self) -> set[float]:
        """What a few requests see of the replicas."""
        views = [httpx2.get(f"{self.url}/admin/policy", timeout=GIVE_UP_S).json() for _ in range(8)]
        return {view["in_use"]["weights"]["chat"]["cost"] for view in views}

    def _serve_api(self, method: str, document: dict[str, Any] | None = None) -> httpx2.Response:
        dashboard = self.process.dashboard
        assert dashboard is not None
        return httpx2.request(
            method,
            f"http://{dashboard.address}/api/serve/applications/",
            headers={"authorization": f"Bearer {dashboard.token}"},
            json=document,
            timeout=GIVE_UP_S,
        )


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder, port = tmp_path_factory.mktemp("fleet"), free_port()
    config = folder / "fleet.yaml"
    config.write_text(yaml.safe_dump(fleet_file(port)))
    process = ServeProcess(
        config, working_folder=Path.cwd(), run_folder=folder, inherited=os.environ
    )
    fleet = Fleet(port=port, process=process)
    try:
        process.start()
        until = time.monotonic() + START_S
        while not fleet.is_ready():
            assert time.monotonic() < until, process.log.read_text()[-4000:]
            time.sleep(0.5)
        eventually(lambda: len(fleet.pids()["Ingress"]) == REPLICAS)
        eventually(lambda: fleet.application()["status"] == "RUNNING")
        yield fleet
    finally:
        process.stop()


def test_a_weight_of_user_config_restarts_nothing_and_loses_no_request(fleet: Fleet) -> None:
    before, changed = fleet.pids(), {"weights": {"chat": _weights(CHANGED)}}
    assert fleet.weights() == {FILE}

    with SteadyLoad(fleet.url) as load:
        eventually(lambda: len(load.statuses) > 50)
        for policy, weight in ((changed, CHANGED), (None, FILE)) * 2:
            fleet.deploy(policy)
            eventually(lambda expected={weight}: fleet.weights() == expected)  # type: ignore[misc]
            eventually(lambda: fleet.application()["status"] == "RUNNING")
            asked = len(load.statuses)
            eventually(lambda before=asked: len(load.statuses) > before + 50)  # type: ignore[misc]

    assert set(load.statuses) == {200}
    assert fleet.pids() == before


def test_a_wrong_user_config_changes_nothing(fleet: Fleet) -> None:
    before, wrong = fleet.pids(), {"weights": {"chat": _weights(-1.0)}}

    fleet.deploy(wrong)
    refused = "quantroute_catalog_refused_total"
    eventually(lambda: _metric(fleet, refused) > 0)
    eventually(lambda: fleet.application()["status"] == "RUNNING")

    assert fleet.weights() == {FILE}
    assert fleet.pids() == before
    fleet.deploy(None)


def _weights(cost: float) -> dict[str, float]:
    return {"accuracy": 0.15, "latency": 0.15, "cost": cost}


def _metric(fleet: Fleet, name: str) -> float:
    lines = httpx2.get(f"{fleet.url}/metrics", timeout=GIVE_UP_S).text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(f"{name} "))
