"""The HTTP application over a fake gateway, and ways to talk to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.testclient import TestClient
from starlette.types import Message

from serve_app.api.app import Lifespan, create_app
from serve_app.settings import IngressSettings
from tests.gateways import GatewayUnderTest

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"
HI = [{"role": "user", "content": "Hi"}]


def an_app(
    under_test: GatewayUnderTest,
    *,
    lifespan: Lifespan | None = None,
    **settings: Any,
) -> Starlette:
    return create_app(
        under_test.gateway,
        under_test.feedback,
        settings=IngressSettings(**{"body_limit_bytes": 10_000, "send_timeout_s": 5, **settings}),
        replica="replica-1",
        exposition=lambda: (b"quantroute_up 1\n", "text/plain; version=0.0.4"),
        lifespan=lifespan,
    )


def a_client(under_test: GatewayUnderTest, **settings: Any) -> TestClient:
    return TestClient(an_app(under_test, **settings))


def a_body(**fields: object) -> dict[str, object]:
    return {"model": "auto", "messages": HI, **fields}


class RawCaller:
    """An ASGI caller that can leave, or stop reading, whenever a test says so."""

    def __init__(self, path: str, body: Mapping[str, object]) -> None:
        self.sent: list[Message] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self._left = asyncio.Event()
        self._raw: bytes | None = json.dumps(body).encode()
        self._scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": b"",
            "headers": [(b"content-type", b"application/json")],
        }

    async def call(self, app: Starlette) -> None:
        await app(self._scope, self._receive, self._send)

    def leave(self) -> None:
        self._left.set()

    def cut_body(self) -> None:
        """Leaves the body out, as a connection that broke while sending it."""
        self._raw = None

    @property
    def text(self) -> str:
        return b"".join(message.get("body", b"") for message in self.sent).decode()

    async def _receive(self) -> Message:
        if self._raw is not None:
            body, self._raw = self._raw, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        await self.reads.wait()
        self.sent.append(message)
