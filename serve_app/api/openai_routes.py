"""`/v1/chat/completions` and `/v1/completions`."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from serve_app.api.errors import reply_to
from serve_app.api.request_reader import receive_inference_request
from serve_app.api.response import (
    SSE_DONE,
    SSE_HEADERS,
    ResponseSender,
    answer_headers,
    sse_error,
    sse_event,
    until_disconnect,
)
from serve_app.core.errors import EngineError, RequestError, RouterError
from serve_app.core.inference_request import InferenceRequest
from serve_app.core.ports import Operation
from serve_app.gateway.answer import ClientDisconnected
from serve_app.gateway.gateway import Gateway
from serve_app.settings import IngressSettings


@dataclass(frozen=True, slots=True)
class GenerationEndpoint:
    """Plain ASGI: it must see the caller leave while it waits for the engine."""

    gateway: Gateway
    settings: IngressSettings
    replica: str
    operation: Operation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            request = await receive_inference_request(
                Request(scope, receive),
                self.settings,
                self.gateway.snapshot,
                self.gateway.clock,
                self.operation,
            )
        except RequestError as error:
            self.gateway.count_rejected(error)
            raise
        async with until_disconnect(receive):
            try:
                await self._answer(request, ResponseSender(send, self.settings.send_timeout_s))
            except ClientDisconnected:
                return
            except RouterError as error:
                await reply_to(error).response(scope, receive, send)

    async def _answer(self, request: InferenceRequest, sender: ResponseSender) -> None:
        async with self.gateway.answer(request) as answer:
            headers = answer_headers(answer, self.replica)
            if not request.stream:
                body = (await answer.whole()).encode(errors="replace")
                length = (b"content-length", str(len(body)).encode())
                await sender.start([*headers, (b"content-type", b"application/json"), length])
                await sender.end(body)
                return
            await sender.start([*headers, *SSE_HEADERS])
            try:
                async with aclosing(answer.chunks()) as chunks:
                    async for text in chunks:
                        await sender.send_chunk(sse_event(text))
            except EngineError as error:
                await sender.send_chunk(sse_error(reply_to(error)))
            await sender.end(SSE_DONE)
