"""The addresses that answer with what a model generated, or with embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from serve_app.api.errors import ANTHROPIC_REQUEST_ID, reply_to
from serve_app.api.request_reader import receive_inference_request
from serve_app.api.response import (
    SSE_DONE,
    SSE_HEADERS,
    RawHeader,
    ResponseSender,
    answer_headers,
    sse_error,
    sse_event,
    typed_sse_event,
    until_disconnect,
)
from serve_app.core.errors import EngineError, RequestError, RouterError
from serve_app.core.inference_request import TYPED_STREAMS, InferenceRequest
from serve_app.core.ports import Operation
from serve_app.gateway.answer import Answer, ClientDisconnected
from serve_app.gateway.gateway import Gateway
from serve_app.settings import IngressSettings

PATHS: Mapping[Operation, str] = {
    "chat": "/v1/chat/completions",
    "completions": "/v1/completions",
    "responses": "/v1/responses",
    "messages": "/v1/messages",
    "embeddings": "/v1/embeddings",
}
COUNT_TOKENS = "/v1/messages/count_tokens"
# A request whose tokens are only counted sets no limit. An answer has at least one token.
LEAST_ANSWER = {"max_tokens": 1}


def inference_routes(gateway: Gateway, settings: IngressSettings, replica: str) -> list[Route]:
    """One route for each operation, and the one that counts tokens."""

    async def count_tokens(request: Request) -> Response:
        return await _count_tokens(request, gateway, settings)

    endpoints = {
        path: GenerationEndpoint(gateway, settings, replica, operation)
        for operation, path in PATHS.items()
    }
    return [
        *(Route(path, endpoint, methods=["POST"]) for path, endpoint in endpoints.items()),
        Route(COUNT_TOKENS, count_tokens, methods=["POST"]),
    ]


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
                await reply_to(error).response_to(scope)(scope, receive, send)

    async def _answer(self, request: InferenceRequest, sender: ResponseSender) -> None:
        async with self.gateway.answer(request) as answer:
            headers = self._headers(answer)
            if not request.stream:
                body = (await answer.whole()).encode(errors="replace")
                length = (b"content-length", str(len(body)).encode())
                await sender.start([*headers, (b"content-type", b"application/json"), length])
                await sender.end(body)
                return
            await sender.start([*headers, *SSE_HEADERS])
            is_typed = request.operation in TYPED_STREAMS
            event = typed_sse_event if is_typed else sse_event
            try:
                async with aclosing(answer.chunks()) as chunks:
                    async for text in chunks:
                        await sender.send_chunk(event(text))
            except EngineError as error:
                await sender.send_chunk(sse_error(reply_to(error), request.operation))
            # A stream of typed events has a last event of its own.
            await sender.end(b"" if is_typed else SSE_DONE)

    def _headers(self, answer: Answer) -> list[RawHeader]:
        headers = answer_headers(answer, self.replica)
        if self.operation == "messages":
            request_id = answer.request.request_id.encode()
            headers.append((ANTHROPIC_REQUEST_ID.encode(), request_id))
        return headers


async def _count_tokens(
    request: Request, gateway: Gateway, settings: IngressSettings
) -> JSONResponse:
    """An estimate, like Anthropic's: in the tokens of the pair that would serve the request."""
    counted = await receive_inference_request(
        request,
        settings,
        gateway.snapshot,
        gateway.clock,
        "messages",
        absent=LEAST_ANSWER,
    )
    decision = (await gateway.explain(counted)).decision
    chosen = decision.candidate(decision.chosen) if decision.chosen is not None else None
    if chosen is not None and chosen.prediction is not None:
        tokens = chosen.prediction.prompt_tokens
    else:
        tokens = decision.features.prompt_tokens if decision.features is not None else 0
    return JSONResponse({"input_tokens": tokens})
