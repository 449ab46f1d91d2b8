"""Pairs that are OpenAI-compatible endpoints: one HTTP client for all of them.

An endpoint gets the fields of the caller's body and the operator's key, and none of the caller's
headers.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
)
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import httpx2
from pydantic_core import from_json

from serve_app import __version__
from serve_app.core.errors import EngineBusy, EngineError, EngineFailed, EngineLate, EngineRejected
from serve_app.core.ports import FORWARDED_HEADER, EngineCall, Operation
from serve_app.serving.endpoint_errors import ReportedError, error_of_status, reported_error
from serve_app.settings import PairSettings
from serve_app.settings.secrets import SecretMissing, resolved

PATHS: Mapping[Operation, str] = {
    "chat": "/chat/completions",
    "completions": "/completions",
    "responses": "/responses",
    "messages": "/messages",
    "embeddings": "/embeddings",
}
# The list that a whole answer holds, and the last event of a stream that has no `finish_reason`.
ANSWER_LISTS: Mapping[Operation, str] = {
    "chat": "choices",
    "completions": "choices",
    "responses": "output",
    "messages": "content",
    "embeddings": "data",
}
LAST_EVENTS = frozenset({"response.completed", "response.incomplete", "message_stop"})
EVENTS = "text/event-stream"
DONE = "[DONE]"
# Of a connection alone, before any byte of an answer: at once, then after 0.5 s.
CONNECT_RETRIES = 2
# Servers close idle connections after 5 s, uvicorn's default. A request must not meet that.
KEEP_ALIVE_S = 4.0
KEPT_CONNECTIONS = 64
# A connection that its server had closed shows it at once. Later it was the request that ended it.
STALE_WITHIN_S = 1.0
LONGEST_ANSWER_BYTES = 64 * 1024 * 1024
LONGEST_ERROR_BYTES = 64 * 1024
# The ids of a long prompt's tokens come in one event.
LONGEST_EVENT_BYTES = 16 * 1024 * 1024
# What follows the end mark of a stream, so that its connection can be used again.
DRAIN_S = 0.2
REFUSED_KEY = (401, 403)

logger = logging.getLogger(__name__)


class _Endpoint:
    """One pair's endpoint: its key, and how many requests are at it."""

    def __init__(self, settings: PairSettings) -> None:
        self.settings = settings
        self.model = settings.served_model or settings.id
        self.timeout = httpx2.Timeout(
            settings.chunk_timeout_s, connect=settings.connect_timeout_s, pool=None
        )
        # As many as a replica of Ray Serve accepts: twice what an engine runs at once.
        self._room = 2 * settings.max_concurrency
        self._key: str | None = None

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Raises `EngineBusy` where the endpoint has as many requests as it may have."""
        if not self._room:
            raise EngineBusy(self.settings.id)
        self._room -= 1
        try:
            yield
        finally:
            self._room += 1

    async def headers(self) -> dict[str, str]:
        """Raises `EngineFailed` where the key cannot be had."""
        if self.settings.api_key is None:
            return {}
        if self._key is None:
            try:
                self._key = await asyncio.to_thread(resolved, self.settings.api_key)
            except SecretMissing as exc:
                logger.warning("pair %s has no key: %s", self.settings.id, exc)
                raise EngineFailed(self.settings.id, "the router has no key for it") from None
        if not (self._key.isascii() and self._key.isprintable()):
            raise EngineFailed(self.settings.id, "the router's key for it fits into no header")
        return {"authorization": f"Bearer {self._key}"}

    def forget_key(self) -> None:
        """Reads the key again at the next request: it may have been replaced."""
        self._key = None

    def without_key(self, error: EngineError) -> EngineError:
        """An endpoint may repeat the key that it got."""
        if isinstance(error, EngineRejected) and self._key:
            error.message = error.message.replace(self._key, "***")
        return error


class EndpointEngine:
    """An `Engine` of the pairs that run at a URL."""

    def __init__(self, pairs: Iterable[PairSettings]) -> None:
        self._endpoints = {pair.id: _Endpoint(pair) for pair in pairs}
        self._client = httpx2.AsyncClient(
            transport=httpx2.AsyncHTTPTransport(
                retries=CONNECT_RETRIES,
                limits=httpx2.Limits(
                    max_connections=None,
                    max_keepalive_connections=KEPT_CONNECTIONS,
                    keepalive_expiry=KEEP_ALIVE_S,
                ),
            ),
            # Neither a proxy nor a password of this machine's environment.
            trust_env=False,
            headers={
                "user-agent": f"quantroute/{__version__}",
                # A compressed stream comes in blocks, not token by token.
                "accept-encoding": "identity",
                FORWARDED_HEADER: "1",
            },
        )
        self._client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=()))

    async def close(self) -> None:
        await self._client.aclose()

    async def answer(self, pair: str, call: EngineCall) -> AsyncGenerator[str, None]:
        """See `core.ports.Engine`. Closing the generator closes the connection."""
        endpoint = self._endpoints[pair]
        with endpoint.counted(), _transport_errors(endpoint.settings):
            async with self._response(endpoint, call) as response:
                reply = _Reply(pair, call, response)
                try:
                    await reply.raise_for_status()
                    if call.stream:
                        async for text in reply.chunks():
                            yield text
                    else:
                        yield await reply.whole()
                except EngineError as error:
                    if response.status_code in REFUSED_KEY:
                        endpoint.forget_key()
                    raise endpoint.without_key(error) from None

    @asynccontextmanager
    async def _response(
        self, endpoint: _Endpoint, call: EngineCall
    ) -> AsyncIterator[httpx2.Response]:
        response = await self._send(endpoint, call)
        try:
            yield response
        finally:
            await response.aclose()

    async def _send(self, endpoint: _Endpoint, call: EngineCall) -> httpx2.Response:
        """Sends a request again if its connection was an old one, which its server had closed."""
        body = json.dumps({**call.body, "model": endpoint.model}, separators=(",", ":"))
        headers = {
            "content-type": "application/json",
            "accept": EVENTS if call.stream else "application/json",
            "x-request-id": call.request_id,
            **await endpoint.headers(),
        }
        began_s = asyncio.get_running_loop().time()
        while True:
            connected: list[str] = []
            request = self._client.build_request(
                "POST",
                f"{endpoint.settings.url}{PATHS[call.operation]}",
                content=body,
                headers=headers,
                timeout=endpoint.timeout,
                extensions={"trace": _noting_connects(connected)},
            )
            try:
                return await self._client.send(request, stream=True)
            except (httpx2.NetworkError, httpx2.RemoteProtocolError):
                waited_s = asyncio.get_running_loop().time() - began_s
                if connected or waited_s > STALE_WITHIN_S:
                    raise


def _noting_connects(connected: list[str]) -> Callable[[str, dict[str, Any]], Awaitable[None]]:
    """Adds to `connected` when the client opens a connection instead of using an old one."""

    async def trace(event: str, _: dict[str, Any]) -> None:
        if event == "connection.connect_tcp.started":
            connected.append(event)

    return trace


@dataclass(frozen=True, slots=True)
class _Reply:
    """One response of an endpoint, read as an answer. Raises `EngineError`s."""

    pair: str
    call: EngineCall
    response: httpx2.Response

    async def raise_for_status(self) -> None:
        if self.response.status_code == httpx2.codes.OK:
            return
        body = None
        with suppress(ValueError, httpx2.DecodingError):
            body = from_json(await self._read(LONGEST_ERROR_BYTES, cut=True))
        raise self._error(
            self.response.status_code,
            reported_error(body, certain=True),
            retry_after="retry-after" in self.response.headers,
        )

    async def whole(self) -> str:
        """The JSON text of a unary answer."""
        return self._answer_in(await self._read(LONGEST_ANSWER_BYTES))

    async def chunks(self) -> AsyncGenerator[str, None]:
        """The JSON texts of a stream."""
        kind = self.response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != EVENTS:
            # Some report an error like this. An answer in one piece is no stream either.
            self._answer_in(await self._read(LONGEST_ERROR_BYTES))
            raise EngineFailed(self.pair, f"it answered a stream with {kind or 'no type'!r:.60}")
        ended = False
        events = aiter(httpx2.EventSource(self.response, LONGEST_EVENT_BYTES))
        async for event in events:
            if event.data == DONE:
                await _drain(events)
                return
            if not event.data:
                continue
            chunk = self._object(event.data)
            error = reported_error(chunk, certain=event.event == "error")
            if error is not None:
                raise self._error(error.status, error)
            ended = ended or chunk.get("type") in LAST_EVENTS or _ends_a_choice(chunk)
            yield event.data
        if not ended:
            raise EngineFailed(self.pair, "its stream ended before its answer did")

    async def _read(self, limit_bytes: int, *, cut: bool = False) -> bytes:
        body = bytearray()
        async for part in self.response.aiter_bytes():
            body += part
            if len(body) > limit_bytes:
                if cut:
                    break
                raise EngineFailed(self.pair, f"its answer has more than {limit_bytes} bytes")
        return bytes(body)

    def _answer_in(self, body: bytes) -> str:
        text = body.decode("utf-8-sig", errors="replace")
        answer = self._object(text)
        if (error := reported_error(answer)) is not None:
            raise self._error(error.status, error)
        name = ANSWER_LISTS[self.call.operation]
        found = answer.get(name)
        # A response or a message may be empty. A completion has at least one choice.
        if not isinstance(found, list) or (name == "choices" and not found):
            raise EngineFailed(self.pair, f"it answered with JSON that has no {name}")
        return text

    def _object(self, text: str) -> dict[str, Any]:
        try:
            parsed = from_json(text)
        except ValueError:
            raise EngineFailed(self.pair, "it answered with something that is not JSON") from None
        if not isinstance(parsed, dict):
            raise EngineFailed(self.pair, "it answered with JSON that is no object")
        return parsed

    def _error(
        self, status: int, reported: ReportedError | None, *, retry_after: bool = False
    ) -> EngineError:
        return error_of_status(
            self.pair, self.call.operation, status, reported, retry_after=retry_after
        )


def _ends_a_choice(chunk: dict[str, Any]) -> bool:
    choices = chunk.get("choices")
    return isinstance(choices, list) and any(
        isinstance(choice, dict) and choice.get("finish_reason") for choice in choices
    )


async def _drain(events: AsyncIterator[Any]) -> None:
    """Reads what follows the end mark. A server that keeps the connection open loses it."""
    with suppress(TimeoutError, httpx2.HTTPError):
        async with asyncio.timeout(DRAIN_S):
            async for _ in events:
                pass


@contextmanager
def _transport_errors(settings: PairSettings) -> Iterator[None]:
    """Turns the client's exceptions into `EngineError`s. Their texts may name the endpoint."""
    pair = settings.id
    try:
        yield
    except (httpx2.ConnectError, httpx2.ConnectTimeout) as exc:
        logger.warning("pair %s: no connection: %s", pair, str(exc) or type(exc).__name__)
        raise EngineFailed(pair, f"no connection to its endpoint ({type(exc).__name__})") from None
    except httpx2.TimeoutException:
        raise EngineLate(
            pair, f"its endpoint sent nothing for {settings.chunk_timeout_s:g} s"
        ) from None
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as exc:
        raise EngineFailed(
            pair, f"the connection to its endpoint broke ({type(exc).__name__})"
        ) from None
