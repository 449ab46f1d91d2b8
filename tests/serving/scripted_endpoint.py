"""An OpenAI-compatible endpoint of a test: each request gets the bytes that a script writes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from serve_app.core.ports import EngineCall
from serve_app.settings import PairSettings
from serve_app.settings.parse import PAIR

ANSWER = {
    "id": "x",
    "object": "chat.completion",
    "created": 0,
    "model": "served",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request, with the connection that it came on, counted from 1."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]
    connection: int


Script = Callable[[asyncio.StreamWriter, Received], Awaitable[None]]


class ScriptedEndpoint:
    """Remembers what it received, and when a client closed a connection in an answer."""

    def __init__(self) -> None:
        self.script: Script = replying(200, json.dumps(ANSWER))
        self.received: list[Received] = []
        self.url = ""
        self.left = asyncio.Event()
        self._connections = 0
        self._open: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        self._connections += 1
        number = self._connections
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while not writer.is_closing():
                    await self._answer_one(reader, writer, number)
        finally:
            writer.transport.abort()
            self._open.discard(task)

    async def _answer_one(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int
    ) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}
        raw = await reader.readexactly(int(headers["content-length"]))
        path, body = first.split(" ")[1], json.loads(raw)
        request = Received(path=path, headers=headers, body=body, connection=connection)
        self.received.append(request)
        answering = asyncio.ensure_future(self.script(writer, request))
        try:
            while not answering.done():
                await asyncio.wait({answering}, timeout=0.02)
                if reader.at_eof():
                    self.left.set()
                    raise ConnectionResetError
        finally:
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)

    async def close(self) -> None:
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        await asyncio.sleep(0)


@asynccontextmanager
async def scripted_endpoint(script: Script | None = None) -> AsyncIterator[ScriptedEndpoint]:
    endpoint = ScriptedEndpoint()
    if script is not None:
        endpoint.script = script
    server = await asyncio.start_server(endpoint.serve, "127.0.0.1", 0)
    endpoint.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield endpoint
    finally:
        server.close()
        await endpoint.close()


def replying(
    status: int, body: str | bytes, headers: Mapping[str, str] | None = None, *, close: bool = False
) -> Script:
    """A whole reply. With `close` its connection is closed after it."""
    raw = body.encode() if isinstance(body, str) else body

    async def script(writer: asyncio.StreamWriter, _: Received) -> None:
        fields = {
            "content-type": "application/json",
            "content-length": str(len(raw)),
            **(headers or {}),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        writer.write(f"HTTP/1.1 {status} Reason\r\n{head}\r\n".encode() + raw)
        await writer.drain()
        if close:
            writer.close()

    return script


def streaming(*parts: str | bytes, cut: bool = False, pause: asyncio.Event | None = None) -> Script:
    """Server-sent events in the given parts. With `cut` the connection ends without the last
    chunk of HTTP. `pause` is awaited after the first part."""

    async def script(writer: asyncio.StreamWriter, _: Received) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )
        for number, part in enumerate(parts):
            if number == 1 and pause is not None:
                await pause.wait()
            raw = part.encode() if isinstance(part, str) else part
            writer.write(f"{len(raw):x}\r\n".encode() + raw + b"\r\n")
            await writer.drain()
        if cut:
            writer.close()
        else:
            writer.write(b"0\r\n\r\n")

    return script


def event(content: str = "Hi", finish: str | None = None, **more: object) -> str:
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish}
    chunk = {"object": "chat.completion.chunk", "model": "served", "choices": [choice], **more}
    return f"data: {json.dumps(chunk)}\n\n"


DONE = "data: [DONE]\n\n"


def openai_error(message: str = "no", **more: object) -> str:
    return json.dumps({"error": {"message": message, "type": "invalid_request_error", **more}})


def url_pair(url: str, id: str = "hosted", **more: Any) -> PairSettings:
    fields = {
        "id": id,
        "model": "model-a",
        "quantization": {"name": "bf16", "weight_bits": 16, "activations": "bf16"},
        "hardware": {"accelerator": "hosted", "count": 1, "usd_per_hour": 0},
        "context_window": 4096,
        "max_concurrency": 8,
        "url": url,
        **more,
    }
    return PAIR.validate_python(fields)


def a_call(*, stream: bool = False, operation: str = "chat", **body: Any) -> EngineCall:
    fields = {"model": "hosted", "messages": [{"role": "user", "content": "Hi"}], **body}
    if stream:
        fields["stream"] = True
    return EngineCall(operation=operation, body=fields, request_id="r-1")  # type: ignore[arg-type]
