"""vLLM's own Responses and Messages, called in the replica of a pair.

`ray.serve.llm` has no method for them. Its engine keeps vLLM's application state, where vLLM puts
its objects for both. That attribute is private, and only this module reads it.

This module imports no engine.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Mapping
from types import SimpleNamespace
from typing import Any

from pydantic import ValidationError

from serve_app.serving.engine_texts import DONE, ErrorChunk

Stream = AsyncGenerator[str, None]


class TypedServing:
    """Answers a built request with JSON texts, or with an error object of vLLM."""

    def __init__(self, engine: Any) -> None:
        # Another engine has no such state, and a model that embeds has neither handler.
        state = getattr(engine, "_app_state", None)
        self._responses: Any = getattr(state, "openai_serving_responses", None)
        self._messages: Any = getattr(state, "anthropic_serving_messages", None)
        if self._messages is not None:
            handler = self._messages
            handler.message_stream_converter = keeping_errors(handler.message_stream_converter)
            handler.messages_full_converter = keeping_calls_whole(handler.messages_full_converter)

    async def responses(self, request: Any) -> AsyncGenerator[Any, None]:
        """Yields the response, or the events of its stream."""
        if self._responses is None:
            raise NotImplementedError("the engine does not serve Responses")
        answer = await self._responses.create_responses(request)
        if isinstance(answer, AsyncGenerator):
            async for event in _without_masked_errors(answer):
                yield event.model_dump_json(by_alias=True)
        else:
            yield _json_or_error(answer)

    async def messages(self, request: Any, request_id: str) -> AsyncGenerator[Any, None]:
        """Yields the message, or the events of its stream."""
        if self._messages is None:
            raise NotImplementedError("the engine does not serve Messages")
        answer = await self._messages.create_messages(request, _named(request_id))
        if isinstance(answer, AsyncGenerator):
            async for event in answer:
                yield event.partition("data:")[2].strip()
        else:
            yield _json_or_error(answer, exclude_none=True)


def keeping_errors(convert: Callable[[Stream], Stream]) -> Callable[[Stream], Stream]:
    """`convert` with the errors of a chat's stream, which it would make failures of its own."""

    async def converted(chunks: Stream) -> Stream:
        errors: list[Exception] = []

        async def until_error() -> Stream:
            try:
                async for chunk in chunks:
                    text = chunk.removeprefix("data:").strip()
                    if text != DONE and text.startswith('{"error"'):
                        errors.append(ErrorChunk(json.loads(text)["error"]))
                        return
                    yield chunk
            # Whatever it is, the pair's server knows what it means.
            except Exception as exc:  # noqa: BLE001
                errors.append(exc)

        async for event in convert(until_error()):
            yield event
        if errors:
            raise errors[0]

    return converted


def keeping_calls_whole(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`convert` for an answer whose calls of tools may be cut off, or be no JSON objects.

    vLLM 0.32 fails on such a call. It becomes text, because it must not be run.
    """

    def converted(answer: Any) -> Any:
        choice = answer.choices[0]
        message, calls = choice.message, choice.message.tool_calls or []
        broken = [call for call in calls if not _is_object(call.function.arguments)]
        if broken:
            texts = [message.content or "", *(call.function.arguments or "" for call in broken)]
            message.content = "\n".join(text for text in texts if text)
            message.tool_calls = [call for call in calls if call not in broken]
            if not message.tool_calls and choice.finish_reason == "tool_calls":
                choice.finish_reason = "stop"
        return convert(answer)

    return converted


def _is_object(text: str | None) -> bool:
    try:
        return isinstance(json.loads(text or ""), dict)
    except ValueError:
        return False


async def _without_masked_errors(events: AsyncGenerator[Any, None]) -> AsyncGenerator[Any, None]:
    """vLLM 0.32 cannot make an event of an engine's error. The error itself is raised."""
    try:
        async for event in events:
            yield event
    except ValidationError as exc:
        given = exc.errors(include_url=False)[0]["input"]
        if isinstance(given, dict) and "error" in given:
            raise ErrorChunk(given["error"]) from None
        raise


def _json_or_error(answer: Any, **options: bool) -> Any:
    if getattr(answer, "error", None) is not None:
        return answer
    return answer.model_dump_json(by_alias=True, **options)


def _named(request_id: str) -> Any:
    """What vLLM reads of an HTTP request: the id in its headers, and a place for notes."""
    headers: Mapping[str, str] = {"X-Request-Id": request_id}
    return SimpleNamespace(headers=headers, state=SimpleNamespace())
