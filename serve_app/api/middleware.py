"""Plain ASGI middleware."""

from __future__ import annotations

import re
from http import HTTPStatus
from uuid import uuid4

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve_app.api.errors import OUR_FAULT, ErrorReply
from serve_app.core.ports import FORWARDED_HEADER

REQUEST_ID = b"x-request-id"
LOOP = ErrorReply(
    status=HTTPStatus.LOOP_DETECTED,
    message="a router sent this request, so the url of one of its pairs leads to a router; give "
    "the pair the address of its engine",
    type=OUR_FAULT,
    code="loop_detected",
    headers={"x-should-retry": "false"},
)
_ACCEPTABLE = re.compile(rb"[\x21-\x7e]{1,128}")


class RequestIdMiddleware:
    """Gives every request an id, the caller's own where it sent a fit one.

    With `answer` the response carries it; a server around this application may do that itself.
    """

    def __init__(self, app: ASGIApp, *, answer: bool) -> None:
        self.app = app
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = uuid4().hex.encode()
        for name, value in scope["headers"]:
            if name == REQUEST_ID and _ACCEPTABLE.fullmatch(value):
                request_id = bytes(value)
                break
        state = scope.setdefault("state", {})
        state["request_id"] = request_id.decode()
        if self._answer:
            state["bug_headers"] = {REQUEST_ID.decode(): request_id.decode()}

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (REQUEST_ID, request_id)]
            await send(message)

        await self.app(scope, receive, send_with_id if self._answer else send)


class TrailingSlashMiddleware:
    """Serves an address with slashes at its end as the one without. A redirect loses the body of
    some clients.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].endswith("/"):
            scope = {**scope, "path": scope["path"].rstrip("/") or "/"}
        await self.app(scope, receive, send)


class ForwardedMiddleware:
    """Refuses what a router sent. Otherwise a pair at the router's own address would ask itself."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        forwarded = FORWARDED_HEADER.encode()
        if scope["type"] == "http" and any(name == forwarded for name, _ in scope["headers"]):
            await LOOP.response_to(scope)(scope, receive, send)
            return
        await self.app(scope, receive, send)


def request_id_of(scope: Scope) -> str:
    """The id that the middleware gave this request."""
    request_id: str = scope["state"]["request_id"]
    return request_id
