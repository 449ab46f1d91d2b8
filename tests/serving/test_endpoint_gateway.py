"""The whole router over an endpoint: what a caller gets, and what becomes of the breaker."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from serve_app.core.ports import EngineCall
from serve_app.serving.endpoint import EndpointEngine
from serve_app.testing import FakeEngine
from tests.api.apps import CHAT, a_body, an_app
from tests.gateways import GatewayUnderTest, gateway_under_test
from tests.http_server import serving
from tests.serving.scripted_endpoint import (
    DONE,
    event,
    openai_error,
    replying,
    scripted_endpoint,
    streaming,
    url_pair,
)

HOSTED, OTHER = "cheap", "dear"


class BothEngines(FakeEngine):
    """The cheap pair at an endpoint, the other one a fake."""

    def __init__(self, endpoint: EndpointEngine) -> None:
        super().__init__()
        self._endpoint = endpoint

    def answer(self, pair: str, call: EngineCall) -> AsyncGenerator[str, None]:  # type: ignore[override]
        if pair == HOSTED:
            return self._endpoint.answer(pair, call)
        return super().answer(pair, call)


@asynccontextmanager
async def a_router(url: str) -> AsyncIterator[tuple[GatewayUnderTest, httpx2.AsyncClient]]:
    endpoint = EndpointEngine([url_pair(url, HOSTED, served_model="their-name")])
    under_test = gateway_under_test(engine=BothEngines(endpoint))
    transport = httpx2.ASGITransport(an_app(under_test))
    async with httpx2.AsyncClient(transport=transport, base_url="http://router") as client:
        yield under_test, client
    await endpoint.close()


async def ask(client: httpx2.AsyncClient, **fields: Any) -> httpx2.Response:
    headers = {"authorization": "Bearer of-the-caller", "x-other": "1"}
    return await client.post(CHAT, json=a_body(**fields), headers=headers)


async def test_the_caller_gets_the_pairs_name_and_the_endpoint_none_of_its_headers() -> None:
    async with scripted_endpoint() as endpoint, a_router(endpoint.url) as (_, client):
        reply = await ask(client)
        endpoint.script = streaming(event("Hello", id="1"), event("", "stop", id="1"), DONE)
        streamed = await ask(client, stream=True)
    assert (reply.status_code, reply.json()["model"]) == (200, HOSTED)
    chunks = [json.loads(line[6:]) for line in streamed.text.splitlines() if "{" in line]
    assert {chunk["model"] for chunk in chunks} == {HOSTED}
    assert chunks[0]["choices"][0]["delta"]["content"] == "Hello"
    assert streamed.text.endswith("data: [DONE]\n\n")
    for request in endpoint.received:
        assert request.body["model"] == "their-name"
        assert not {"authorization", "x-other", "cookie"} & set(request.headers)
        assert "routing" not in request.body


@pytest.mark.parametrize(
    ("status", "body"),
    [(401, openai_error()), (404, openai_error()), (429, ""), (500, ""), (504, ""), (200, "oops")],
)
async def test_the_next_pair_answers_where_the_endpoint_does_not(status: int, body: str) -> None:
    async with (
        scripted_endpoint(replying(status, body)) as endpoint,
        a_router(endpoint.url) as (_, client),
    ):
        reply = await ask(client)
    assert (reply.status_code, reply.headers["x-quantroute-pair"]) == (200, OTHER)


@pytest.mark.parametrize(
    ("status", "body", "opens"),
    [
        (401, openai_error(), True),
        (500, "", True),
        (200, "oops", True),
        (400, openai_error(), False),
        (429, "", False),
        (408, "", False),
    ],
)
async def test_only_a_broken_endpoint_opens_its_breaker(
    status: int, body: str, *, opens: bool
) -> None:
    async with (
        scripted_endpoint(replying(status, body)) as endpoint,
        a_router(endpoint.url) as (under_test, client),
    ):
        for _ in range(3):
            await ask(client)
        assert under_test.gateway.load_view()[HOSTED].breaker_open is opens


async def test_a_wrong_request_is_the_callers_and_one_pair_is_asked() -> None:
    script = replying(422, openai_error("n must be 1", param="n"))
    async with scripted_endpoint(script) as endpoint, a_router(endpoint.url) as (router, client):
        reply = await ask(client)
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == "n"
    assert len(endpoint.received) == 1
    assert not router.asked_pairs()


async def test_a_stream_that_is_cut_ends_with_an_error_for_the_caller() -> None:
    async with (
        scripted_endpoint(streaming(event("Hello"), cut=True)) as endpoint,
        a_router(endpoint.url) as (_, client),
    ):
        reply = await ask(client, stream=True)
    *_, error, done = [line for line in reply.text.splitlines() if line]
    assert json.loads(error[6:])["error"]["code"] == "engine_failed"
    assert done == "data: [DONE]"


async def test_a_pair_at_the_routers_own_address_ends_after_one_round() -> None:
    own = gateway_under_test()
    with serving(an_app(own)) as url:
        async with a_router(f"{url}/v1") as (_, client):
            reply = await ask(client)
    assert (reply.status_code, reply.headers["x-quantroute-pair"]) == (200, OTHER)
    assert "508" in reply.headers["x-quantroute-reason"]
    assert not own.asked_pairs()


async def test_many_streams_at_once_come_whole() -> None:
    asked = 40
    parts = [event(f"word {number} ") for number in range(20)]

    script = streaming(*parts, event("", "stop"), DONE)
    async with scripted_endpoint(script) as endpoint:
        engine = EndpointEngine([url_pair(endpoint.url, HOSTED, max_concurrency=asked)])
        call = EngineCall(operation="chat", body={"stream": True}, request_id="r")

        async def one() -> int:
            return len([text async for text in engine.answer(HOSTED, call)])

        assert await asyncio.gather(*(one() for _ in range(asked))) == [21] * asked
        await engine.close()
