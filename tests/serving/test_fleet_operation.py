"""What an operator does to the running fleet, and what befalls it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx2
import psutil
import pytest
import redis
from typer.testing import CliRunner

from profiles.cli import cli
from serve_app.core.catalog import Catalog
from serve_app.core.profile import GoldenResult, Profile
from serve_app.store.open_store import open_store
from tests.redis_server import RedisServer
from tests.serving.running_fleet import PAIRS, Fleet
from tests.waiting import GIVE_UP_S, eventually

pytestmark = [pytest.mark.ray, pytest.mark.vllm]

ANYTHING_GOES = {"min_accuracy": None, "latency_budget_ms": None, "preset": "batch"}
QUESTION = [{"role": "user", "content": "Tell me a long story."}]


def test_the_terminal_says_how_to_try_it_and_what_is_exposed(fleet: Fleet) -> None:
    said = "".join(fleet.output)
    assert f"curl -i {fleet.url}/v1/chat/completions" in said
    assert "Other machines can reach these ports" in said


def test_an_answer_carries_one_request_id_the_callers_own(fleet: Fleet) -> None:
    body = {"model": "auto", "messages": QUESTION, "max_tokens": 1}
    reply = fleet.post("/v1/chat/completions", body, x_request_id="mine-42")
    assert reply.headers.get_list("x-request-id") == ["mine-42"]


def test_header_fields_of_17_kilobytes_are_no_error(fleet: Fleet) -> None:
    long = {"x-long": "x" * 17_000}
    reply = httpx2.get(f"{fleet.url}/v1/models", headers=long, timeout=GIVE_UP_S)
    assert reply.status_code == 200


def test_route_says_of_every_pair_why_it_is_ranked_or_rejected(fleet: Fleet) -> None:
    decision = fleet.route(min_accuracy=0.999)
    told = {candidate["pair"] for candidate in decision["best_effort"]}
    told |= {rejection["pair"] for rejection in decision["rejected"]}
    assert told == PAIRS
    assert all(r["need"] and r["got"] for r in decision["rejected"])


def test_a_published_catalog_changes_the_route_in_every_ingress_replica(
    fleet: Fleet, fleet_redis: RedisServer
) -> None:
    before = fleet.route(**ANYTHING_GOES)
    costs = {each["pair"]: each["prediction"]["cost_usd"] for each in before["ranked"]}
    version = asyncio.run(_make_dearer(fleet_redis.url, before["chosen"], 100))
    changed = _routes_by_replica(fleet, version, max_cost_usd=10 * max(costs.values()))
    assert before["chosen"] not in changed.values()


def test_a_rollback_brings_the_route_back_in_every_ingress_replica(
    fleet: Fleet, fleet_redis: RedisServer
) -> None:
    before = fleet.route(**ANYTHING_GOES)
    asyncio.run(_make_dearer(fleet_redis.url, before["chosen"], 100))
    back = CliRunner().invoke(cli, ["publish", "--rollback", "--store", fleet_redis.url, "--json"])
    assert back.exit_code == 0, back.output
    routes = _routes_by_replica(fleet, json.loads(back.stdout)["version"])
    assert set(routes.values()) == {before["chosen"]}


def test_a_pair_whose_golden_set_failed_is_rejected_with_the_reason(
    fleet: Fleet, fleet_redis: RedisServer
) -> None:
    before = fleet.route(**ANYTHING_GOES)
    version = asyncio.run(
        _fail_golden(fleet_redis.url, before["chosen"], "answers that loop: 40 %")
    )
    try:
        routes = _routes_by_replica(fleet, version)
        assert len(routes) == 2
        assert before["chosen"] not in routes.values()
        rejected = fleet.route(**ANYTHING_GOES)["rejected"]
        assert ("golden", "answers that loop: 40 %") in {(r["rule"], r["got"]) for r in rejected}
    finally:
        CliRunner().invoke(cli, ["publish", "--rollback", "--store", fleet_redis.url])


def test_a_catalog_that_fails_validation_is_refused_and_the_last_good_one_stays(
    fleet: Fleet, fleet_redis: RedisServer
) -> None:
    before = fleet.route(**ANYTHING_GOES)["catalog_version"]
    server = redis.Redis.from_url(fleet_redis.url)
    good = server.get("model_profiles:active")
    server.set("model_profiles:active", '{"schema": 1, "profiles": [{"pair": NaN}]}')
    try:
        eventually(lambda: _counted(fleet, "quantroute_catalog_refused_total") > 0)
        assert fleet.route(**ANYTHING_GOES)["catalog_version"] == before
    finally:
        assert isinstance(good, bytes)
        server.set("model_profiles:active", good)
        server.close()


def test_requests_go_on_while_redis_is_down(fleet: Fleet, fleet_redis: RedisServer) -> None:
    before = fleet.route(**ANYTHING_GOES)["catalog_version"]
    fleet_redis.stop()
    try:
        eventually(lambda: _counted(fleet, "quantroute_store_lost_total") > 0)
        reply = fleet.post(
            "/v1/chat/completions", {"model": "auto", "messages": QUESTION, "max_tokens": 2}
        )
        assert reply.status_code == 200
        assert fleet.route(**ANYTHING_GOES)["catalog_version"] == before
    finally:
        fleet_redis.start()


def test_clients_that_leave_free_their_engine_slots(fleet: Fleet) -> None:
    """All slots of a pair are taken by answers of minutes; when their readers leave, a new
    request is answered long before any of those answers could have ended."""
    pair = "smollm2-135m-w8a8"
    slots = 8
    long = {
        "model": pair,
        "messages": QUESTION,
        "max_tokens": 1900,
        "ignore_eos": True,
        "stream": True,
    }

    def read_one_token_and_leave(_number: int) -> None:
        with httpx2.stream(
            "POST", f"{fleet.url}/v1/chat/completions", json=long, timeout=120
        ) as reply:
            assert reply.status_code == 200
            next(reply.iter_lines())

    with ThreadPoolExecutor(slots) as readers:
        list(readers.map(read_one_token_and_leave, range(slots)))
    reply = fleet.post(
        "/v1/chat/completions", {"model": pair, "messages": QUESTION, "max_tokens": 2}
    )
    assert reply.status_code == 200
    eventually(lambda: _concurrency(fleet, pair) == 1)


def test_a_unary_client_that_leaves_frees_its_slot(fleet: Fleet) -> None:
    pair = "smollm2-135m-w8a8"
    long = {"model": pair, "messages": QUESTION, "max_tokens": 1900, "ignore_eos": True}
    with pytest.raises(httpx2.ReadTimeout):
        httpx2.post(f"{fleet.url}/v1/chat/completions", json=long, timeout=2)
    eventually(lambda: _concurrency(fleet, pair) == 1)


def test_a_pair_that_dies_is_followed_by_the_next_one(fleet: Fleet) -> None:
    """Runs last: Ray Serve replaces the pair's replica afterwards, which takes a minute or two.

    Later files must not need an answer of this pair.
    """
    victim = fleet.route(**ANYTHING_GOES)["chosen"]
    engine = next(process for process in fleet.processes() if _is_engine_of(process, victim))
    engine.kill()
    body: dict[str, Any] = {"model": "auto", "messages": QUESTION, "max_tokens": 2}
    reply = fleet.post("/v1/chat/completions", {**body, "routing": ANYTHING_GOES})
    assert reply.status_code == 200, reply.text
    assert reply.headers["x-quantroute-pair"] != victim


async def _make_dearer(url: str, pair: str, times: float) -> str:
    def dearer(profile: Profile) -> Profile:
        hardware = replace(profile.hardware, usd_per_hour=profile.hardware.usd_per_hour * times)
        return replace(profile, hardware=hardware)

    return await _publish_changed(url, pair, dearer)


async def _fail_golden(url: str, pair: str, reason: str) -> str:
    failed = GoldenResult(passed=False, reason=reason)
    return await _publish_changed(url, pair, lambda profile: replace(profile, golden=failed))


async def _publish_changed(url: str, pair: str, change: Callable[[Profile], Profile]) -> str:
    store = open_store(url)
    catalog = await store.load()
    changed = {**catalog.profiles, pair: change(catalog.profiles[pair])}
    version = await store.publish(Catalog(version="", profiles=changed), by="tests")
    await store.close()
    return version


def _routes_by_replica(fleet: Fleet, version: str, **routing: Any) -> dict[str, str]:
    """What each of the two ingress replicas chooses once both use `version`."""
    chosen: dict[str, str] = {}

    def both_use_it() -> bool:
        decision = fleet.route(**ANYTHING_GOES, **routing)
        if decision["catalog_version"] == version:
            chosen[decision["replica"]] = decision["chosen"]
        return len(chosen) == 2

    eventually(both_use_it)
    return chosen


def _counted(fleet: Fleet, metric: str) -> float:
    """A counter without labels, of the ingress replica that answers."""
    lines = fleet.get("/metrics").text.splitlines()
    return sum(float(line.split()[1]) for line in lines if line.startswith(f"{metric} "))


def _concurrency(fleet: Fleet, pair: str) -> float:
    """Requests the ingress replica that answers counts at `pair`, the new one included."""
    decision = fleet.route(**ANYTHING_GOES)
    candidates = (*decision["ranked"], *decision["best_effort"])
    found = next(c for c in candidates if c["pair"] == pair)
    return float(found["prediction"]["concurrency"])


def _is_engine_of(process: psutil.Process, pair: str) -> bool:
    try:
        parent = process.parent()
        return (
            process.name().startswith("VLLM::EngineCor")
            and parent is not None
            and pair in " ".join(parent.cmdline())
        )
    except psutil.Error:
        return False
