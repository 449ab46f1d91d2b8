"""Whose fault it is that an endpoint gave no answer: each row of the table in faults.md."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing

import pytest

from serve_app.core.errors import EngineError, EngineRejected
from serve_app.core.faults import kind_of
from serve_app.serving.endpoint import EndpointEngine
from serve_app.serving.endpoint_errors import ReportedError
from tests.serving.scripted_endpoint import (
    DONE,
    Received,
    Script,
    a_call,
    event,
    openai_error,
    replying,
    scripted_endpoint,
    streaming,
    url_pair,
)

HTML = {"content-type": "text/html"}
SSE = {"content-type": "text/event-stream"}
RETRY = {"retry-after": "20"}
PAGE = "<html><body>Bad gateway</body></html>"
NO_MODEL = openai_error("The model `m` does not exist", code="model_not_found")
TOO_LONG = "This model's maximum context length is 10 tokens"


async def error_from(
    script: Script, *, stream: bool = False, operation: str = "chat"
) -> EngineError:
    async with scripted_endpoint(script) as endpoint:
        engine = EndpointEngine([url_pair(endpoint.url, chunk_timeout_s=5)])
        try:
            with pytest.raises(EngineError) as raised:
                async for _ in engine.answer("hosted", a_call(stream=stream, operation=operation)):
                    pass
        finally:
            await engine.close()
    return raised.value


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (replying(400, openai_error("bad temperature", param="temperature")), "request"),
        (replying(422, json.dumps({"detail": [{"loc": ["body", "n"], "msg": "no"}]})), "request"),
        (replying(409, openai_error()), "request"),
        (replying(400, openai_error(TOO_LONG, code="context_length_exceeded")), "pair"),
        (replying(400, openai_error("too big", code="context_length_exceeded")), "pair"),
        (replying(413, PAGE, HTML), "pair"),
        (replying(501, openai_error("no tools here")), "pair"),
        (replying(429, openai_error("slow down"), RETRY), "capacity"),
        (replying(429, PAGE, HTML), "capacity"),
        (replying(503, PAGE, HTML | RETRY), "capacity"),
        (replying(503, openai_error("overloaded")), "capacity"),
        (replying(529, openai_error("overloaded")), "capacity"),
        (replying(408, ""), "late"),
        (replying(504, PAGE, HTML), "late"),
        (replying(524, PAGE, HTML), "late"),
        (replying(401, openai_error("Incorrect API key")), "broken"),
        (replying(402, openai_error("Insufficient balance")), "broken"),
        (replying(403, PAGE, HTML), "broken"),
        (replying(404, NO_MODEL), "broken"),
        (replying(405, ""), "broken"),
        (replying(301, "", {"location": "http://127.0.0.1:9/v1"}), "broken"),
        (replying(307, "", {"location": "/elsewhere"}), "broken"),
        (replying(400, PAGE, HTML), "broken"),
        (replying(418, "x"), "broken"),
        (replying(500, openai_error("crashed")), "broken"),
        (replying(502, PAGE, HTML), "broken"),
        (replying(503, PAGE, HTML), "broken"),
        (replying(200, PAGE, HTML), "broken"),
        (replying(200, ""), "broken"),
        (replying(200, "[]"), "broken"),
        (replying(200, "{}"), "broken"),
        (replying(200, '{"choices": []}'), "broken"),
        (replying(200, b"\xff\xfe\x00"), "broken"),
        (replying(200, "{}", {"content-encoding": "gzip"}), "broken"),
        (replying(200, "{}", {"content-length": "10"}, close=True), "broken"),
        (replying(204, ""), "broken"),
        (replying(200, openai_error("overloaded", code=503)), "capacity"),
        (replying(200, openai_error("x", type="rate_limit_error")), "capacity"),
        (replying(200, openai_error("boom", type="server_error")), "broken"),
    ],
)
async def test_a_reply_is_of_this_kind(script: Script, kind: str, *, stream: bool) -> None:
    assert kind_of(await error_from(script, stream=stream)) == kind


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (streaming(event("Hi")), "broken"),
        (streaming(event("Hi"), cut=True), "broken"),
        (streaming(event("Hi"), "data: not json\n\n", DONE), "broken"),
        (streaming("data: [1]\n\n", DONE), "broken"),
        (streaming(event("Hi"), f"data: {openai_error('boom', code=500)}\n\n"), "broken"),
        (streaming(f"data: {openai_error('no grammar', code=400)}\n\n"), "request"),
        (streaming(f"data: {openai_error('x', code='rate_limit_exceeded')}\n\n"), "capacity"),
        (streaming('event: error\ndata: {"message": "boom"}\n\n'), "broken"),
        (replying(200, "data: {", SSE), "broken"),
    ],
    ids=(
        *("no end", "cut", "not JSON", "no object", "error midway", "refused in a stream"),
        *("limited in a stream", "an event named error", "an unfinished event"),
    ),
)
async def test_a_stream_that_goes_wrong_is_of_this_kind(script: Script, kind: str) -> None:
    assert kind_of(await error_from(script, stream=True)) == kind


@pytest.mark.parametrize("end", [event("", "stop"), event("Hi") + DONE])
async def test_a_stream_has_ended_with_a_reason_or_with_the_end_mark(end: str) -> None:
    async with scripted_endpoint(streaming(event("Hi"), end)) as endpoint:
        engine = EndpointEngine([url_pair(endpoint.url)])
        async with aclosing(engine.answer("hosted", a_call(stream=True))) as texts:
            assert len([text async for text in texts]) == 2
        await engine.close()


async def test_a_stream_whose_connection_stays_open_ends_with_its_mark() -> None:
    script = streaming(event("Hi", "stop") + DONE, event("late"), pause=asyncio.Event())
    async with scripted_endpoint(script) as endpoint:
        engine = EndpointEngine([url_pair(endpoint.url)])
        texts = [text async for text in engine.answer("hosted", a_call(stream=True))]
        await engine.close()
    assert len(texts) == 1


async def test_an_endpoint_without_text_completions_is_not_broken() -> None:
    error = await error_from(replying(404, NO_MODEL), operation="completions")
    assert kind_of(error) == "pair"


async def test_a_refusal_keeps_the_endpoints_words_and_the_field() -> None:
    error = await error_from(replying(400, openai_error("bad n", param="n")))
    assert isinstance(error, EngineRejected)
    assert (error.message, error.param) == ("bad n", "n")


@pytest.mark.parametrize("status", [401, 403, 404, 500, 302])
async def test_what_concerns_the_operator_is_not_in_the_error(status: int) -> None:
    script = replying(status, openai_error("key sk-abc of org 7 at 10.0.0.1, model m"), HTML)
    text = str(await error_from(script))
    assert str(status) in text
    for word in ("sk-abc", "org", "10.0.0.1", "model m"):
        assert word not in text


async def test_a_header_that_is_not_http_is_a_broken_pair() -> None:
    async def garbage(writer: asyncio.StreamWriter, _: Received) -> None:
        writer.write(b"not http at all\r\n\r\n")
        writer.close()

    assert kind_of(await error_from(garbage)) == "broken"


async def test_an_event_without_an_end_does_not_fill_the_memory() -> None:
    async def endless(writer: asyncio.StreamWriter, _: Received) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: ")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    assert kind_of(await error_from(endless, stream=True)) == "broken"


@pytest.mark.parametrize(
    ("code", "type_", "status"),
    [
        (429, "", 429),
        ("503", "", 503),
        ("context_length_exceeded", "", 400),
        (None, "invalid_request_error", 400),
        (None, "BadRequestError", 400),
        (None, "", 500),
        ("²", "", 500),
        (True, "", 500),
    ],
)
def test_an_error_without_an_http_status_gets_one(
    code: int | str | None, type_: str, status: int
) -> None:
    assert ReportedError(message="x", type=type_, code=code).status == status
