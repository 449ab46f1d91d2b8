"""Where an answer begins. A stream of typed events opens before its engine generates anything."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from serve_app.core.errors import EngineError, EngineFailed
from serve_app.core.faults import error_of_reply
from serve_app.core.inference_request import TYPED_STREAMS
from serve_app.core.ports import EngineCall

# Nothing of the answer is in these. An engine sends some of them before it runs the request.
OPENING = frozenset(
    {
        *("response.created", "response.queued", "response.in_progress"),
        *("response.output_item.added", "response.content_part.added"),
        *("response.reasoning_part.added", "response.reasoning_summary_part.added"),
        *("message_start", "content_block_start", "ping"),
    }
)
FAILED = frozenset({"error", "response.failed"})


def from_first_token(
    pair: str, call: EngineCall, texts: AsyncGenerator[str, None]
) -> AsyncGenerator[str, None]:
    """The same texts, of which the first comes with the first token.

    A pair that fails after it has opened a stream can thus still be followed by another.
    """
    if call.stream and call.operation in TYPED_STREAMS:
        return _without_early_opening(pair, texts)
    return texts


async def _without_early_opening(
    pair: str, texts: AsyncGenerator[str, None]
) -> AsyncGenerator[str, None]:
    """Holds the opening until the answer begins. Raises `EngineError`s."""
    async with aclosing(texts):
        opening: list[str] | None = []
        async for text in texts:
            event = parsed_object(pair, text)
            kind = event.get("type")
            if kind in FAILED:
                raise _error_in(pair, event)
            if opening is not None and kind in OPENING:
                opening.append(text)
                continue
            for held in opening or ():
                yield held
            opening = None
            yield text


def parsed_object(pair: str, text: str) -> dict[str, Any]:
    """An engine's JSON text. Raises `EngineFailed` if it is no object."""
    try:
        parsed = json.loads(text)
    except ValueError as exc:
        raise EngineFailed(pair, "it answered with something that is not JSON") from exc
    if not isinstance(parsed, dict):
        raise EngineFailed(pair, "it answered with JSON that is no object")
    return parsed


def _error_in(pair: str, event: Mapping[str, Any]) -> EngineError:
    """The error that an engine sent as an event. Its own class of it is all that is kept.

    An engine refuses a wrong request before it opens a stream.
    """
    response = event.get("response")
    error = (response if isinstance(response, dict) else event).get("error")
    told = error if isinstance(error, dict) else event
    kind = told.get("code") or told.get("type") or "error"
    return error_of_reply(pair, 500, str(told.get("message")), str(kind), None)
