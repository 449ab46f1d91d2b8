"""The way out to one caller, who may leave or stop reading at any time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from starlette.types import Receive, Send

from serve_app.service.answer import CallerGone


class Outlet:
    """Sends one response. Each send waits for room, so nothing piles up for a slow reader."""

    def __init__(self, send: Send, timeout_s: float) -> None:
        self._send = send
        self._timeout_s = timeout_s

    async def start(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        message = {"type": "http.response.start", "status": 200, "headers": list(headers)}
        await self._put(message)

    async def part(self, body: bytes) -> None:
        await self._put({"type": "http.response.body", "body": body, "more_body": True})

    async def end(self, body: bytes = b"") -> None:
        await self._put({"type": "http.response.body", "body": body, "more_body": False})

    async def _put(self, message: dict[str, object]) -> None:
        """Raises `CallerGone` when the caller left, or read nothing for the whole timeout."""
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._send(message)
        except OSError as exc:  # TimeoutError is one
            raise CallerGone from exc


@asynccontextmanager
async def until_disconnect(receive: Receive) -> AsyncIterator[None]:
    """Cancels its block when the caller leaves. The block must handle its own errors."""
    try:
        async with asyncio.TaskGroup() as tasks:
            watcher = tasks.create_task(_raise_on_disconnect(receive))
            yield
            watcher.cancel()
    except* CallerGone:
        pass


async def _raise_on_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    raise CallerGone
