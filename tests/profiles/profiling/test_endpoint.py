"""A pair at a URL is found and described, and a router is never taken for one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from profiles.errors import EngineUnsuitable
from profiles.profiling.endpoint import found_endpoint, running
from profiles.profiling.engine import EngineSpec
from profiles.profiling.loadgen import load_argv
from profiles.profiling.router_address import is_router_address
from tests.api.apps import an_app
from tests.gateways import gateway_under_test
from tests.http_server import serving
from tests.profiles.samples import a_load, a_spec

MODELS = {"data": [{"id": "their-name", "owned_by": "them"}]}


@contextmanager
def an_endpoint(
    *, completions: int = 200, chat: int = 200, models: Any = MODELS, version: str | None = None
) -> Iterator[tuple[str, list[Request]]]:
    seen: list[Request] = []

    def replying(status: int, body: Any) -> Any:
        async def reply(request: Request) -> Response:
            seen.append(request)
            return JSONResponse(body, status)

        return reply

    routes = [
        Route("/api/v2/models", replying(404 if models is None else 200, models)),
        Route("/api/v2/completions", replying(completions, {}), methods=["POST"]),
        Route("/api/v2/chat/completions", replying(chat, {}), methods=["POST"]),
    ]
    if version is not None:
        routes.append(Route("/version", replying(200, {"version": version})))
    with serving(Starlette(routes=routes)) as url:
        yield f"{url}/api/v2", seen


def a_url_spec(url: str, **fields: Any) -> EngineSpec:
    spec = replace(a_spec(), checkpoint="", url=url, endpoint=True, served_model="their-name")
    return replace(spec, **fields)


async def test_an_endpoint_is_asked_below_its_path_with_its_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ENDPOINT_KEY", "sk-1")
    with an_endpoint() as (url, seen):
        found = await found_endpoint(a_url_spec(url, api_key="${ENDPOINT_KEY}"))
    assert (found.path, found.model, found.chat_only) == ("/api/v2", "their-name", False)
    assert (found.engine, found.engine_version) == ("endpoint", "unknown")
    assert {request.headers["authorization"] for request in seen} == {"Bearer sk-1"}
    assert "sk-1" not in repr(found)


async def test_an_endpoint_without_text_completions_is_measured_by_chat() -> None:
    with an_endpoint(completions=404) as (url, _):
        found = await found_endpoint(a_url_spec(url))
    assert found.chat_only


async def test_a_vllm_at_a_url_states_its_version() -> None:
    with an_endpoint(version="0.32.0") as (url, _):
        found = await found_endpoint(a_url_spec(url))
    assert (found.engine, found.engine_version) == ("vllm", "0.32.0")


async def test_an_endpoint_needs_no_list_of_models() -> None:
    with an_endpoint(models=None) as (url, _):
        assert (await found_endpoint(a_url_spec(url))).model == "their-name"


async def test_an_endpoint_shows_neither_start_nor_memory(tmp_path: Path) -> None:
    with an_endpoint() as (url, _):
        async with running(a_url_spec(url), tmp_path / "engine.log") as found:
            assert found.footprint is not None
            assert (found.footprint.cold_start_s, found.footprint.peak_bytes()) == (0.0, 0)
            assert found.report.kv_cache_bytes == 0


@pytest.mark.parametrize(
    ("endpoint", "complaint"),
    [
        ({"completions": 401}, "refuses the key"),
        ({"completions": 403}, "refuses the key"),
        ({"completions": 404, "chat": 404}, "HTTP 404: check url and served_model"),
        ({"completions": 500, "chat": 500}, "HTTP 500"),
    ],
)
async def test_an_endpoint_that_does_not_serve_the_model_is_refused(
    endpoint: dict[str, int], complaint: str
) -> None:
    with an_endpoint(**endpoint) as (url, _), pytest.raises(EngineUnsuitable, match=complaint):
        await found_endpoint(a_url_spec(url))


async def test_an_endpoint_whose_key_is_missing_is_refused_by_the_keys_name() -> None:
    with pytest.raises(EngineUnsuitable, match="NO_SUCH_KEY"):
        await found_endpoint(a_url_spec("http://127.0.0.1:9/v1", api_key="${NO_SUCH_KEY}"))


async def test_an_address_where_nothing_answers_is_refused() -> None:
    with an_endpoint() as (url, _):
        pass
    with pytest.raises(EngineUnsuitable, match="no endpoint answers at"):
        await found_endpoint(a_url_spec(url))


@pytest.mark.parametrize("endpoint", [True, False])
async def test_a_router_is_refused_as_an_engine(tmp_path: Path, *, endpoint: bool) -> None:
    with serving(an_app(gateway_under_test())) as url:
        spec = a_url_spec(f"{url}/v1", endpoint=endpoint)
        with pytest.raises(EngineUnsuitable, match="a quantroute router answers at"):
            async with running(spec, tmp_path / "engine.log"):
                pass


async def test_at_the_routers_configured_address_only_an_engine_is_accepted() -> None:
    with an_endpoint() as (url, _):
        assert await found_endpoint(a_url_spec(url, at_router=True))
    with (
        an_endpoint(models=None) as (url, _),
        pytest.raises(EngineUnsuitable, match="a quantroute router answers"),
    ):
        await found_endpoint(a_url_spec(url, at_router=True))


async def test_an_answer_with_the_routers_headers_is_refused() -> None:
    async def models(_: Request) -> Response:
        return JSONResponse(MODELS, headers={"x-quantroute-replica": "r"})

    app = Starlette(routes=[Route("/v1/models", models)])
    with serving(app) as url, pytest.raises(EngineUnsuitable, match="a quantroute router"):
        await found_endpoint(a_url_spec(f"{url}/v1"))


@pytest.mark.parametrize(
    ("url", "http_options", "is_router"),
    [
        ("http://127.0.0.1:8000", {}, True),
        ("http://localhost:8000/v1", {"host": "0.0.0.0", "port": 8000}, True),
        ("http://[::1]:9000/v1", {"host": "127.0.0.1", "port": 9000}, True),
        ("http://10.0.0.5:8000/v1", {"host": "10.0.0.5"}, True),
        ("https://router/v1", {"host": "router", "port": 443}, True),
        ("http://127.0.0.1:8001", {}, False),
        ("http://gpu-7:8000/v1", {"host": "0.0.0.0", "port": 8000}, False),
    ],
)
def test_the_routers_own_address_is_known_from_the_fleet_file(
    url: str, http_options: dict[str, Any], *, is_router: bool
) -> None:
    assert is_router_address(url, http_options) is is_router


def test_chat_alone_gets_a_load_of_chats_without_fields_of_vllm(tmp_path: Path) -> None:
    argv = load_argv(a_load(), tmp_path / "r.json", path="/api/v2", chat_only=True)
    assert argv[:4] == ["--backend", "openai-chat", "--endpoint", "/api/v2/chat/completions"]
    assert "--ignore-eos" not in argv
    assert "--ignore-eos" in load_argv(a_load(), tmp_path / "r.json")
