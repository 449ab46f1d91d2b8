"""The response to one caller, who may leave or stop reading at any time.

Sends it with a timeout, as JSON or as server-sent events, with the `x-quantroute-` headers.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from starlette.types import Receive, Send

from serve_app.api.errors import ErrorReply
from serve_app.core.ports import Operation
from serve_app.gateway.answer import Answer, ClientDisconnected

LONGEST_REASON = 600

RawHeader = tuple[bytes, bytes]
SSE_DONE = b"data: [DONE]\n\n"
SSE_HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
)


class ResponseSender:
    """Sends one response. Each send waits for room, so nothing piles up for a slow reader."""

    def __init__(self, send: Send, timeout_s: float) -> None:
        self._asgi_send = send
        self._timeout_s = timeout_s

    async def start(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        message = {"type": "http.response.start", "status": 200, "headers": list(headers)}
        await self._send(message)

    async def send_chunk(self, body: bytes) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def end(self, body: bytes = b"") -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    async def _send(self, message: dict[str, object]) -> None:
        """Raises `ClientDisconnected` when the caller left, or read nothing for the whole
        timeout.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._asgi_send(message)
        except OSError as exc:  # TimeoutError is one
            raise ClientDisconnected from exc


@asynccontextmanager
async def until_disconnect(receive: Receive) -> AsyncIterator[None]:
    """Cancels its block when the caller leaves. The block must handle its own errors."""

    async def raise_on_disconnect() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        raise ClientDisconnected

    try:
        async with asyncio.TaskGroup() as tasks:
            watcher = tasks.create_task(raise_on_disconnect())
            yield
            watcher.cancel()
    except* ClientDisconnected:
        pass


def answer_headers(answer: Answer, replica: str) -> list[RawHeader]:
    """Headers of one answer; those about a prediction only where one was made."""
    said = {
        "pair": answer.pair,
        "decision": answer.decision.id,
        "reason": answer.reason[:LONGEST_REASON],
        "overhead-ms": f"{answer.overhead_ms:.3f}",
        "replica": replica,
    }
    if answer.candidate is not None and answer.candidate.prediction is not None:
        prediction = answer.candidate.prediction
        said["predicted-ms"] = f"{prediction.total_ms:.1f}"
        said["predicted-cost-usd"] = f"{prediction.cost_usd:.9f}"
        if prediction.default_max_tokens is not None:
            limit = answer.request.max_tokens_with(prediction.default_max_tokens)
            said["default-max-tokens"] = str(limit)
    if answer.infeasible:
        said["infeasible"] = ",".join(answer.infeasible)
    headers = []
    for name, value in said.items():
        # ASCII on one line, since clients disagree on what other bytes in a header mean.
        printable = "".join(char if char.isprintable() else " " for char in value)
        text = printable.encode("ascii", errors="replace")
        headers.append((b"x-quantroute-" + name.encode(), text))
    return headers


def sse_event(text: str) -> bytes:
    """One JSON text as one event. JSON has line breaks only between tokens, never in them."""
    line = text.replace("\r", " ").replace("\n", " ")
    return b"data: " + line.encode(errors="replace") + b"\n\n"


def typed_sse_event(text: str) -> bytes:
    """One JSON text as an event of its own type, as Responses and Messages have them."""
    kind = json.loads(text).get("type", "message")
    return f"event: {kind}\n".encode(errors="replace") + sse_event(text)


def sse_error(reply: ErrorReply, operation: Operation) -> bytes:
    """An error after the first token, in the shape that makes the clients raise."""
    match operation:
        case "messages":
            return typed_sse_event(json.dumps(reply.anthropic_body))
        case "responses":
            # OpenAI's form of the event has these fields. Its SDKs raise for `error` alone.
            error = reply.body["error"]
            event = {**error, **reply.body, "type": "error", "sequence_number": 0}
            return typed_sse_event(json.dumps(event))
        case _:
            return sse_event(json.dumps(reply.body))
