"""Pairs outside of the router's application, in a real Ray Serve: one in its own, one at a URL."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from serve_app.bench.fleet_run import small_pair
from serve_app.launch.ray_process import Dashboard, ServeProcess, free_port
from tests.http_server import serving
from tests.paths import SMOLLM2_PROFILES
from tests.serving.scripted_endpoint import ANSWER, DONE, event
from tests.serving.steady_load import SteadyLoad
from tests.waiting import GIVE_UP_S, eventually

pytestmark = pytest.mark.ray

INSIDE, OUTSIDE, HOSTED = "smollm2-135m-bf16", "smollm2-135m-w8a8", "hosted"
LARGE = "smollm2-135m-w4a16"
OWN_APP, LARGE_APP = "own-app", "large-app"
ROUTER = "quantroute"
# When Ray Serve cuts a request off.
CUT_S = 20
SLOW_S = 2 * CUT_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A Ray Serve whose configuration a test replaces, as `serve deploy` does."""

    url: str
    dashboard: Dashboard
    router: dict[str, Any]

    def deploy(self, *own: dict[str, Any], router: dict[str, Any] | None = None) -> None:
        reply = httpx2.put(
            f"http://{self.dashboard.address}/api/serve/applications/",
            json={"applications": [router or self.router, *own]},
            headers={"authorization": f"Bearer {self.dashboard.token}"},
            timeout=GIVE_UP_S,
        )
        assert reply.status_code == 200, reply.text

    def details(self) -> dict[str, Any]:
        reply = httpx2.get(
            f"http://{self.dashboard.address}/api/serve/applications/",
            headers={"authorization": f"Bearer {self.dashboard.token}"},
            timeout=GIVE_UP_S,
        )
        details: dict[str, Any] = reply.json()
        return details

    def processes(self, application: str, deployment: str) -> set[int]:
        """The process ids of a deployment's running replicas."""
        found = self.details()["applications"].get(application, {}).get("deployments", {})
        replicas = found.get(deployment, {}).get("replicas", ())
        return {each["pid"] for each in replicas if each["state"] == "RUNNING"}

    def answer(self, pair: str, **fields: Any) -> httpx2.Response:
        body = {"model": pair, "messages": [{"role": "user", "content": "Hi"}], **fields}
        return httpx2.post(f"{self.url}/v1/chat/completions", json=body, timeout=GIVE_UP_S)

    def state(self, pair: str) -> str:
        models = httpx2.get(f"{self.url}/v1/models", timeout=GIVE_UP_S).json()["data"]
        return str(next(each["state"] for each in models if each["id"] == pair))

    def answers(self, pair: str) -> bool:
        """Whether each ingress replica that a few requests reach has the pair."""
        return all(self.answer(pair).status_code == 200 for _ in range(8))


def own_app(**changes: Any) -> dict[str, Any]:
    return {
        "name": OWN_APP,
        "import_path": "serve_app.bench.fake_fleet:build_pair",
        "route_prefix": None,
        "args": {**small_pair(OUTSIDE, max_concurrency=8), "app": OWN_APP, **changes},
    }


def large_app() -> dict[str, Any]:
    """An application that no machine of a test has room for."""
    return {
        **own_app(),
        "name": LARGE_APP,
        "args": {**small_pair(LARGE, max_concurrency=8), "app": LARGE_APP},
        "deployments": [{"name": LARGE, "ray_actor_options": {"num_cpus": 10_000}}],
    }


def an_endpoint() -> Starlette:
    async def chat(request: Request) -> Response:
        body = await request.json()
        if body["temperature"] > 2:
            error = {"message": "temperature is too high", "param": "temperature"}
            return JSONResponse({"error": error}, 400)
        if body["temperature"] == 1 and not body.get("stream"):
            await asyncio.sleep(SLOW_S)
        if not body.get("stream"):
            return JSONResponse({**ANSWER, "model": body["model"]})

        async def events() -> AsyncIterator[str]:
            yield event("Hello")
            await asyncio.sleep(SLOW_S if body["temperature"] == 1 else 0)
            yield event("", "stop") + DONE

        return StreamingResponse(events(), media_type="text/event-stream")

    return Starlette(routes=[Route("/v1/chat/completions", chat, methods=["POST"])])


def router(endpoint: str) -> dict[str, Any]:
    hosted = {
        **small_pair(HOSTED, max_concurrency=8),
        "url": f"{endpoint}/v1",
        "served_model": "their-name",
        "hardware": {"accelerator": "hosted", "count": 1, "usd_per_hour": 0},
    }
    own = {**small_pair(OUTSIDE, max_concurrency=8), "app": OWN_APP}
    large = {**small_pair(LARGE, max_concurrency=8), "app": LARGE_APP}
    return {
        "name": ROUTER,
        "import_path": "serve_app.bench.fake_fleet:build_app",
        "route_prefix": "/",
        "args": {
            "pairs": [small_pair(INSIDE, max_concurrency=8), own, large, hosted],
            "store": {"url": str(SMOLLM2_PROFILES)},
            "routing": {"reference_pair": INSIDE, "static_fallback": INSIDE},
            "ingress": {"replicas": {"min": 2, "max": 2}},
        },
    }


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder, port = tmp_path_factory.mktemp("cluster"), free_port()
    with serving(an_endpoint()) as endpoint:
        application = router(endpoint)
        config = folder / "fleet.yaml"
        document = {
            "proxy_location": "HeadOnly",
            "http_options": {"host": "127.0.0.1", "port": port, "request_timeout_s": CUT_S},
            "applications": [application],
        }
        config.write_text(yaml.safe_dump(document))
        process = ServeProcess(
            config, working_folder=Path.cwd(), run_folder=folder, inherited=os.environ
        )
        url = f"http://127.0.0.1:{port}"
        try:
            process.start()
            eventually(lambda: is_ready(url))
            assert process.dashboard is not None
            yield Cluster(url=url, dashboard=process.dashboard, router=application)
        finally:
            process.stop()


def is_ready(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/ready", timeout=5).status_code == 200
    except httpx2.TransportError:
        return False


def test_a_pair_at_a_url_serves_next_to_one_of_ray(cluster: Cluster) -> None:
    for pair in (INSIDE, HOSTED):
        whole = cluster.answer(pair, temperature=0)
        assert whole.status_code == 200, whole.text
        assert (whole.json()["model"], whole.headers["x-quantroute-pair"]) == (pair, pair)
        streamed = cluster.answer(pair, temperature=0, stream=True).text
        assert "Hello" in streamed
        assert streamed.endswith("data: [DONE]\n\n")
    refused = cluster.answer(HOSTED, temperature=3)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "temperature")
    assert cluster.state(HOSTED) == "ready"


def test_a_pair_comes_changes_goes_and_returns_without_a_restart_of_any_other(
    cluster: Cluster,
) -> None:
    others = {name: cluster.processes(ROUTER, name) for name in (INSIDE, "Ingress", "FleetActor")}
    assert len(others["Ingress"]) == 2
    eventually(lambda: cluster.state(OUTSIDE) == "failed")
    missing = cluster.answer(OUTSIDE)
    assert missing.status_code == 503
    assert f"application '{OWN_APP}' is not running" in missing.text

    cluster.deploy(own_app())
    eventually(lambda: cluster.answers(OUTSIDE))
    first = cluster.processes(OWN_APP, OUTSIDE)

    cluster.deploy(own_app(context_window=1024))
    eventually(lambda: not cluster.processes(OWN_APP, OUTSIDE) & first)
    eventually(lambda: cluster.answers(OUTSIDE))

    cluster.deploy()
    eventually(lambda: cluster.state(OUTSIDE) == "failed")
    eventually(lambda: "is not running" in cluster.answer(OUTSIDE).text)

    cluster.deploy(own_app())
    eventually(lambda: cluster.answers(OUTSIDE))
    assert others == {name: cluster.processes(ROUTER, name) for name in others}
    assert cluster.answer(INSIDE).status_code == 200


def test_an_answer_ends_in_openais_shape_before_ray_serve_cuts_it_off(cluster: Cluster) -> None:
    *_, error, done = cluster.answer(HOSTED, temperature=1, stream=True).text.strip().split("\n\n")
    assert json.loads(error.removeprefix("data: "))["error"]["code"] == "deadline_exceeded"
    assert done == "data: [DONE]"
    whole = cluster.answer(HOSTED, temperature=1)
    assert (whole.status_code, whole.json()["error"]["code"]) == (504, "deadline_exceeded")


def test_a_requests_own_time_holds_too(cluster: Cluster) -> None:
    body = {"model": HOSTED, "temperature": 1, "messages": [{"role": "user", "content": "Hi"}]}
    reply = httpx2.post(
        f"{cluster.url}/v1/chat/completions",
        json=body,
        headers={"x-request-timeout-seconds": "5"},
        timeout=GIVE_UP_S,
    )
    assert (reply.status_code, reply.json()["error"]["code"]) == (504, "deadline_exceeded")


def test_replicas_get_longer_to_drain_than_the_longest_answer(cluster: Cluster) -> None:
    deployments = cluster.details()["applications"][ROUTER]["deployments"]
    for name in (INSIDE, "Ingress"):
        config = deployments[name]["deployment_config"]
        assert config["graceful_shutdown_timeout_s"] == 630


def test_a_pair_that_cannot_be_placed_harms_no_other(cluster: Cluster) -> None:
    cluster.deploy(own_app())
    eventually(lambda: cluster.answers(OUTSIDE))
    before = engines_and_ingress(cluster)

    with SteadyLoad(cluster.url, model=OUTSIDE) as load:
        cluster.deploy(own_app(), large_app())
        eventually(lambda: LARGE_APP in cluster.details()["applications"])
        eventually(lambda: cluster.state(LARGE) == "cold")
        refused = cluster.answer(LARGE, max_tokens=1)
        asked = len(load.statuses)
        eventually(lambda: len(load.statuses) > asked + 100)

    assert refused.status_code in (503, 504), refused.text
    assert set(load.statuses) == {200}
    assert engines_and_ingress(cluster) == before


def test_a_pair_added_to_the_router_restarts_no_engine_of_an_application_of_its_own(
    cluster: Cluster,
) -> None:
    """The router's own deployments are replaced one by one, and no caller notices."""
    cluster.deploy(own_app())
    eventually(lambda: cluster.answers(OUTSIDE))
    engine, ingress = cluster.processes(OWN_APP, OUTSIDE), cluster.processes(ROUTER, "Ingress")
    args = cluster.router["args"]
    added = {**args["pairs"][-1], "id": "hosted-too"}
    router = {**cluster.router, "args": {**args, "pairs": [*args["pairs"], added]}}

    with SteadyLoad(cluster.url, model=OUTSIDE) as load:
        cluster.deploy(own_app(), router=router)
        eventually(lambda: not cluster.processes(ROUTER, "Ingress") & ingress)
        eventually(lambda: cluster.answer("hosted-too", temperature=0).status_code == 200)
        asked = len(load.statuses)
        eventually(lambda: len(load.statuses) > asked + 100)

    assert set(load.statuses) == {200}
    assert cluster.processes(OWN_APP, OUTSIDE) == engine


def engines_and_ingress(cluster: Cluster) -> dict[str, set[int]]:
    own = {OUTSIDE: cluster.processes(OWN_APP, OUTSIDE)}
    return own | {name: cluster.processes(ROUTER, name) for name in (INSIDE, "Ingress")}
