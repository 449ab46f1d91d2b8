"""How long a request may take, and a body that does not come in that time.

Ray Serve cuts a request off when its time is over: a stream without a word, anything else with a
text of its own. The router ends it a moment before, in OpenAI's shape.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from math import isfinite

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve_app.core.errors import BodyTimeout

# Ray Serve's header for the time of one request. What is not above 0 sets none.
HEADER = b"x-request-timeout-seconds"
MARGIN_SHARE = 0.1
LONGEST_MARGIN_S = 1.0


def before_cut_s(timeout_s: float) -> float:
    """Seconds after which the router ends what Ray Serve cuts off after `timeout_s`."""
    return timeout_s - min(LONGEST_MARGIN_S, MARGIN_SHARE * timeout_s)


def time_limit_s(headers: Iterable[tuple[bytes, bytes]]) -> float | None:
    """The seconds that a request's own header leaves it. `None` where it sets no limit."""
    for name, value in headers:
        if name == HEADER:
            try:
                timeout_s = float(value)
            except ValueError:
                return None
            return before_cut_s(timeout_s) if timeout_s > 0 and isfinite(timeout_s) else None
    return None


class BodyTimeoutMiddleware:
    """Ends the wait for a body whose sender is too slow, or has gone without a word."""

    def __init__(self, app: ASGIApp, *, limit_s: float) -> None:
        self.app = app
        self._limit_s = limit_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit_s = min(self._limit_s, time_limit_s(scope["headers"]) or self._limit_s)
        until_s = asyncio.get_running_loop().time() + limit_s
        whole = False

        async def receive_in_time() -> Message:
            nonlocal whole
            if whole:
                return await receive()
            try:
                async with asyncio.timeout_at(until_s):
                    message = await receive()
            except TimeoutError:
                raise BodyTimeout(limit_s) from None
            whole = message["type"] != "http.request" or not message.get("more_body", False)
            return message

        await self.app(scope, receive_in_time, send)
