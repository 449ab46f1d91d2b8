"""vLLM's Responses and Messages in a pair's replica. The handlers here stand for vLLM's."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter

from serve_app.serving.engine_texts import ErrorChunk
from serve_app.serving.typed_serving import TypedServing, keeping_calls_whole, keeping_errors

ERROR = {"message": "no", "type": "bad", "code": 400}


class Event(BaseModel):
    type: str


class Messages:
    """Converts as vLLM does: whatever goes wrong becomes an event of its own."""

    def __init__(self, chunks: list[str | Exception]) -> None:
        self.chunks = chunks
        self.ids: list[str] = []

    async def create_messages(self, request: Any, raw_request: Any) -> Any:
        self.ids.append(raw_request.headers.get("X-Request-Id"))
        raw_request.state.request_metadata = "noted"
        if request == "whole":
            return Event(type="message")
        if request == "refused":
            return SimpleNamespace(error=ERROR)
        return self.message_stream_converter(self._chunks())

    async def message_stream_converter(
        self, chunks: AsyncGenerator[str, None]
    ) -> AsyncGenerator[str, None]:
        try:
            async for chunk in chunks:
                if "[DONE]" not in chunk:
                    json.loads(chunk.removeprefix("data:"))["id"]
                    yield f"event: delta\ndata: {chunk.removeprefix('data:').strip()}\n\n"
        except Exception:  # noqa: BLE001
            yield 'event: error\ndata: {"type": "error"}\n\n'

    def messages_full_converter(self, answer: Any) -> Any:
        return answer

    async def _chunks(self) -> AsyncGenerator[str, None]:
        for chunk in self.chunks:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk


class Responses:
    def __init__(self, answer: Any) -> None:
        self.answer = answer

    async def create_responses(self, request: Any) -> Any:
        return self.answer


def serving(messages: Any = None, responses: Any = None) -> TypedServing:
    state = SimpleNamespace(anthropic_serving_messages=messages, openai_serving_responses=responses)
    return TypedServing(SimpleNamespace(_app_state=state))


async def events(*, fails: bool) -> AsyncGenerator[Event, None]:
    yield Event(type="response.created")
    if fails:
        TypeAdapter(Event).validate_python({"error": ERROR})


@pytest.mark.parametrize(
    "engine",
    [SimpleNamespace(_app_state=SimpleNamespace()), SimpleNamespace()],
    ids=["a model that embeds", "another engine"],
)
async def test_an_engine_without_the_handlers_starts_and_answers_that_it_has_none(
    engine: Any,
) -> None:
    server = TypedServing(engine)

    with pytest.raises(NotImplementedError, match="Responses"):
        await anext(server.responses("any"))
    with pytest.raises(NotImplementedError, match="Messages"):
        await anext(server.messages("any", "r"))


async def test_the_request_s_id_reaches_vllm_and_the_data_of_events_comes_back() -> None:
    messages = Messages(['data: {"id": "one"}\n\n', "data: [DONE]\n\n"])

    texts = [text async for text in serving(messages).messages("stream", "request-1")]

    assert texts == ['{"id": "one"}']
    assert messages.ids == ["request-1"]


async def test_a_whole_message_is_json_and_a_refusal_is_vllm_s_own_object() -> None:
    server = serving(Messages([]))

    assert [part async for part in server.messages("whole", "r")] == ['{"type":"message"}']
    (refusal,) = [part async for part in server.messages("refused", "r")]
    assert refusal.error == ERROR


async def test_an_error_chunk_of_the_chat_is_raised_as_what_it_is() -> None:
    chunks: list[str | Exception] = [
        'data: {"id": "one"}\n\n',
        f"data: {json.dumps({'error': ERROR}, separators=(',', ':'))}\n\n",
        "data: [DONE]\n\n",
    ]
    texts = serving(Messages(chunks)).messages("stream", "r")

    assert await anext(texts) == '{"id": "one"}'
    with pytest.raises(ErrorChunk) as raised:
        await anext(texts)
    assert raised.value.error == ERROR


async def test_an_exception_of_the_chat_is_raised_as_itself() -> None:
    with pytest.raises(KeyError, match="engine"):
        [text async for text in serving(Messages([KeyError("engine")])).messages("stream", "r")]


async def test_a_failure_of_the_conversion_stays_an_event() -> None:
    async def broken(chunks: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
        yield 'event: error\ndata: {"type": "error"}\n\n'

    async def none() -> AsyncGenerator[str, None]:
        return
        yield

    assert len([text async for text in keeping_errors(broken)(none())]) == 1


async def test_an_error_that_vllm_cannot_put_into_an_event_is_raised_as_what_it_is() -> None:
    server = serving(responses=Responses(events(fails=True)))

    with pytest.raises(ErrorChunk) as raised:
        [text async for text in server.responses("any")]

    assert raised.value.error == ERROR


async def test_the_events_of_a_response_are_json() -> None:
    server = serving(responses=Responses(events(fails=False)))

    assert [text async for text in server.responses("any")] == ['{"type":"response.created"}']


def call(arguments: str | None) -> Any:
    return SimpleNamespace(function=SimpleNamespace(arguments=arguments))


@pytest.mark.parametrize(
    ("arguments", "content", "kept", "finish"),
    [
        (['{"a": 1}'], None, 1, "tool_calls"),
        (['{"a": '], '{"a": ', 0, "stop"),
        (['"text"'], '"text"', 0, "stop"),
        ([None], "", 0, "stop"),
        (['{"a": 1}', "[1"], "[1", 1, "tool_calls"),
    ],
)
def test_a_call_that_is_no_object_becomes_text(
    arguments: list[str | None], content: str | None, kept: int, finish: str
) -> None:
    message = SimpleNamespace(content=None, tool_calls=[call(text) for text in arguments])
    choice = SimpleNamespace(message=message, finish_reason="tool_calls")

    keeping_calls_whole(lambda answer: answer)(SimpleNamespace(choices=[choice]))

    assert (message.content, len(message.tool_calls), choice.finish_reason) == (
        content,
        kept,
        finish,
    )
