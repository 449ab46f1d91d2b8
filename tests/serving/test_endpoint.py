"""A pair at a URL behaves as an engine of the router's own."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from serve_app.core.errors import EngineBusy, EngineFailed, EngineLate, EngineRejected
from serve_app.core.ports import EngineCall, Operation
from serve_app.serving.endpoint import EndpointEngine
from tests.serving.scripted_endpoint import (
    ANSWER,
    DONE,
    Received,
    ScriptedEndpoint,
    a_call,
    event,
    openai_error,
    replying,
    scripted_endpoint,
    streaming,
    url_pair,
)


@asynccontextmanager
async def an_engine(endpoint: ScriptedEndpoint, **settings: Any) -> AsyncIterator[EndpointEngine]:
    engine = EndpointEngine([url_pair(endpoint.url, **settings)])
    try:
        yield engine
    finally:
        await engine.close()


async def texts_of(engine: EndpointEngine, call: EngineCall) -> list[str]:
    return [text async for text in engine.answer("hosted", call)]


async def test_the_body_goes_on_with_the_endpoints_own_name_for_the_model() -> None:
    async with scripted_endpoint() as endpoint, an_engine(endpoint, served_model="m") as engine:
        call = a_call(temperature=0.5, vllm_field={"deep": [1]})
        assert [json.loads(text) for text in await texts_of(engine, call)] == [ANSWER]
    request = endpoint.received[0]
    assert request.path == "/v1/chat/completions"
    assert request.body == {**call.body, "model": "m"}
    assert request.headers["x-request-id"] == "r-1"
    assert "authorization" not in request.headers


@pytest.mark.parametrize(
    ("operation", "path", "answer"),
    [
        ("completions", "/v1/completions", ANSWER),
        ("responses", "/v1/responses", {"object": "response", "output": []}),
        ("messages", "/v1/messages", {"type": "message", "content": []}),
        ("embeddings", "/v1/embeddings", {"object": "list", "data": [{"embedding": [0.5]}]}),
    ],
)
async def test_each_kind_of_request_goes_to_its_own_path(
    operation: Operation, path: str, answer: dict[str, Any]
) -> None:
    script = replying(200, json.dumps(answer))
    async with scripted_endpoint(script) as endpoint, an_engine(endpoint) as engine:
        assert [
            json.loads(text) for text in await texts_of(engine, a_call(operation=operation))
        ] == [answer]
    assert endpoint.received[0].path == path


@pytest.mark.parametrize("operation", ["chat", "responses", "messages", "embeddings"])
async def test_json_of_another_kind_is_no_answer(operation: Operation) -> None:
    script = replying(200, json.dumps({"status": "ok"}))
    async with scripted_endpoint(script) as endpoint, an_engine(endpoint) as engine:
        with pytest.raises(EngineFailed, match="it answered with JSON that has no "):
            await texts_of(engine, a_call(operation=operation))


@pytest.mark.parametrize(
    ("operation", "first", "last"),
    [
        ("responses", {"type": "response.created"}, {"type": "response.completed"}),
        ("responses", {"type": "response.created"}, {"type": "response.incomplete"}),
        ("messages", {"type": "message_start"}, {"type": "message_stop"}),
    ],
)
async def test_a_stream_of_typed_events_ends_with_its_last_event(
    operation: Operation, first: dict[str, str], last: dict[str, str]
) -> None:
    events = [f"event: {each['type']}\ndata: {json.dumps(each)}\n\n" for each in (first, last)]
    async with scripted_endpoint(streaming(*events)) as endpoint, an_engine(endpoint) as engine:
        texts = await texts_of(engine, a_call(operation=operation, stream=True))
    assert [json.loads(text) for text in texts] == [first, last]

    cut = streaming(events[0])
    async with scripted_endpoint(cut) as endpoint, an_engine(endpoint) as engine:
        with pytest.raises(EngineFailed, match="its stream ended before its answer did"):
            await texts_of(engine, a_call(operation=operation, stream=True))


async def test_the_operators_key_is_read_from_its_reference(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ENDPOINT_KEY", "sk-secret")
    async with (
        scripted_endpoint() as endpoint,
        an_engine(endpoint, api_key="${ENDPOINT_KEY}") as engine,
    ):
        await texts_of(engine, a_call())
    assert endpoint.received[0].headers["authorization"] == "Bearer sk-secret"


async def test_a_replaced_key_is_used_without_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("old\n")
    async with (
        scripted_endpoint(replying(401, openai_error())) as endpoint,
        an_engine(endpoint, api_key=f"${{file:{file}}}") as engine,
    ):
        for _ in range(2):
            with pytest.raises(EngineFailed):
                await texts_of(engine, a_call())
            file.write_text("new\n")
    keys = [request.headers["authorization"] for request in endpoint.received]
    assert keys == ["Bearer old", "Bearer new"]


@pytest.mark.parametrize("key", ["${NO_SUCH_VARIABLE}", "${file:/no/such/file}", "two\nlines", "ü"])
async def test_a_key_that_cannot_be_had_breaks_this_pair_alone(key: str) -> None:
    async with scripted_endpoint() as endpoint, an_engine(endpoint, api_key=key) as engine:
        with pytest.raises(EngineFailed) as failed:
            await texts_of(engine, a_call())
    assert "key" in failed.value.cause
    assert key not in str(failed.value)
    assert not endpoint.received


async def test_a_key_that_the_endpoint_repeats_never_reaches_the_caller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ENDPOINT_KEY", "sk-secret")
    script = replying(400, openai_error("not with key sk-secret"))
    async with (
        scripted_endpoint(script) as endpoint,
        an_engine(endpoint, api_key="${ENDPOINT_KEY}") as engine,
    ):
        with pytest.raises(EngineRejected) as rejected:
            await texts_of(engine, a_call())
    assert rejected.value.message == "not with key ***"


async def test_a_stream_comes_as_the_texts_of_its_events() -> None:
    parts = (": ping\r\n\r\n", event("Grüß", id="1")[:30], event("Grüß", id="1")[30:])
    script = streaming(*parts, event("", "stop").replace("\n", "\r\n"), DONE)
    async with scripted_endpoint(script) as endpoint, an_engine(endpoint) as engine:
        texts = await texts_of(engine, a_call(stream=True))
    assert [json.loads(text)["choices"][0]["delta"]["content"] for text in texts] == ["Grüß", ""]


async def test_a_character_cut_between_two_parts_stays_whole() -> None:
    raw = b'data: {"choices":[{"delta":{"content":"' + "é".encode() + b'"}}]}\n\n'
    at = raw.index(b"\xc3") + 1
    script = streaming(raw[:at], raw[at:], DONE)
    async with scripted_endpoint(script) as endpoint, an_engine(endpoint) as engine:
        (text,) = await texts_of(engine, a_call(stream=True))
    assert json.loads(text)["choices"][0]["delta"]["content"] == "é"


async def test_each_text_comes_as_soon_as_its_event_is_whole() -> None:
    pause = asyncio.Event()
    script = streaming(event("one"), event("two", "stop"), DONE, pause=pause)
    async with (
        scripted_endpoint(script) as endpoint,
        an_engine(endpoint) as engine,
        aclosing(engine.answer("hosted", a_call(stream=True))) as texts,
    ):
        assert "one" in await anext(texts)
        pause.set()
        assert "two" in await anext(texts)


async def test_one_connection_serves_one_request_after_the_other() -> None:
    async with scripted_endpoint() as endpoint, an_engine(endpoint) as engine:
        await texts_of(engine, a_call())
        endpoint.script = streaming(event("Hi", "stop"), DONE)
        await texts_of(engine, a_call(stream=True))
        endpoint.script = replying(400, openai_error())
        with pytest.raises(EngineRejected):
            await texts_of(engine, a_call())
        endpoint.script = replying(200, json.dumps(ANSWER))
        await texts_of(engine, a_call())
    assert {request.connection for request in endpoint.received} == {1}


async def test_leaving_a_stream_closes_the_connection_to_the_endpoint() -> None:
    script = streaming(event("one"), event("two"), pause=asyncio.Event())
    async with scripted_endpoint(script) as endpoint, an_engine(endpoint) as engine:
        texts = engine.answer("hosted", a_call(stream=True))
        await anext(texts)
        await texts.aclose()
        await asyncio.wait_for(endpoint.left.wait(), 60)


async def test_leaving_before_any_answer_closes_the_connection_too() -> None:
    async def silent(_writer: asyncio.StreamWriter, _request: Received) -> None:
        asked.set()
        await asyncio.Event().wait()

    asked = asyncio.Event()
    async with scripted_endpoint(silent) as endpoint, an_engine(endpoint) as engine:
        asking = asyncio.create_task(texts_of(engine, a_call()))
        await asyncio.wait_for(asked.wait(), 60)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await asyncio.wait_for(endpoint.left.wait(), 60)


async def test_a_compressed_answer_is_unpacked() -> None:
    script = replying(200, gzip.compress(json.dumps(ANSWER).encode()), {"content-encoding": "gzip"})
    async with scripted_endpoint(script) as endpoint, an_engine(endpoint) as engine:
        assert [json.loads(text) for text in await texts_of(engine, a_call())] == [ANSWER]
    assert endpoint.received[0].headers["accept-encoding"] == "identity"


async def test_an_idle_connection_that_the_endpoint_closed_costs_no_request() -> None:
    async def drops_old(writer: asyncio.StreamWriter, request: Received) -> None:
        if request.connection == 1 and len(endpoint.received) > 1:
            writer.transport.abort()
            return
        await replying(200, json.dumps(ANSWER))(writer, request)

    async with scripted_endpoint(drops_old) as endpoint, an_engine(endpoint) as engine:
        for _ in range(2):
            assert await texts_of(engine, a_call())
    assert [request.connection for request in endpoint.received] == [1, 1, 2]


async def test_a_new_connection_that_breaks_is_not_tried_again() -> None:
    async def aborts(writer: asyncio.StreamWriter, _: Received) -> None:
        writer.transport.abort()

    async with scripted_endpoint(aborts) as endpoint, an_engine(endpoint) as engine:
        with pytest.raises(EngineFailed, match="broke"):
            await texts_of(engine, a_call())
    assert len(endpoint.received) == 1


async def test_a_port_that_nothing_listens_on_is_a_broken_pair() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    engine = EndpointEngine([url_pair(f"http://127.0.0.1:{port}/v1")])
    with pytest.raises(EngineFailed, match="no connection to its endpoint") as failed:
        await texts_of(engine, a_call())
    assert str(port) not in str(failed.value)


async def test_an_endpoint_that_sends_nothing_is_late() -> None:
    async def silent(_writer: asyncio.StreamWriter, _request: Received) -> None:
        await asyncio.Event().wait()

    async with (
        scripted_endpoint(silent) as endpoint,
        an_engine(endpoint, chunk_timeout_s=0.1) as engine,
    ):
        with pytest.raises(EngineLate, match=r"nothing for 0\.1 s"):
            await texts_of(engine, a_call())


async def test_a_stream_that_stops_between_two_parts_is_late() -> None:
    script = streaming(event("one"), event("two"), pause=asyncio.Event())
    async with (
        scripted_endpoint(script) as endpoint,
        an_engine(endpoint, chunk_timeout_s=0.2) as engine,
    ):
        with pytest.raises(EngineLate):
            await texts_of(engine, a_call(stream=True))


async def test_an_endpoint_gets_no_more_requests_at_once_than_a_replica_would() -> None:
    async def silent(_writer: asyncio.StreamWriter, _request: Received) -> None:
        asked.release()
        await asyncio.Event().wait()

    asked = asyncio.Semaphore(0)
    async with (
        scripted_endpoint(silent) as endpoint,
        an_engine(endpoint, max_concurrency=1) as engine,
    ):
        waiting = [asyncio.create_task(texts_of(engine, a_call())) for _ in range(2)]
        for _ in waiting:
            await asked.acquire()
        with pytest.raises(EngineBusy):
            await texts_of(engine, a_call())
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        endpoint.script = replying(200, json.dumps(ANSWER))
        assert await texts_of(engine, a_call())


async def test_a_cookie_of_an_endpoint_is_not_sent_back() -> None:
    script = replying(200, json.dumps(ANSWER), {"set-cookie": "session=1; Path=/"})
    async with scripted_endpoint(script) as endpoint, an_engine(endpoint) as engine:
        for _ in range(2):
            await texts_of(engine, a_call())
    assert all("cookie" not in request.headers for request in endpoint.received)


async def test_text_that_is_no_unicode_reaches_the_endpoint_as_it_came() -> None:
    async with scripted_endpoint() as endpoint, an_engine(endpoint) as engine:
        await texts_of(engine, a_call(stop="\ud800"))
    assert endpoint.received[0].body["stop"] == "\ud800"
