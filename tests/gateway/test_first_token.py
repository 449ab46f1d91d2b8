"""A stream of typed events begins with its first token, whatever an engine sends before."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest

from serve_app.core.cost import Usage
from serve_app.core.errors import EngineBusy, EngineError, EngineFailed
from serve_app.core.ports import EngineCall, Operation
from serve_app.gateway.answer import usage_of
from serve_app.gateway.first_token import from_first_token

CREATED = {"type": "response.created", "response": {"model": "a"}}
ADDED = {"type": "response.output_item.added", "item": {}}
DELTA = {"type": "response.output_text.delta", "delta": "Hi"}
DONE = {"type": "response.completed", "response": {"usage": {}}}


class Stream:
    """Counts what was taken of it, and knows whether it was closed."""

    def __init__(self, events: Sequence[object]) -> None:
        self.events = events
        self.taken = 0
        self.closed = False

    async def texts(self) -> AsyncGenerator[str, None]:
        try:
            for event in self.events:
                self.taken += 1
                yield event if isinstance(event, str) else json.dumps(event)
        finally:
            self.closed = True


def begun(
    stream: Stream, operation: Operation = "responses", *, streams: bool = True
) -> AsyncGenerator[str, None]:
    call = EngineCall(operation=operation, body={"stream": streams}, request_id="r")
    return from_first_token("pair", call, stream.texts())


async def test_the_opening_comes_with_the_first_token() -> None:
    stream = Stream([CREATED, ADDED, DELTA, DELTA, DONE])
    texts = begun(stream)

    first = await anext(texts)

    assert json.loads(first) == CREATED
    assert stream.taken == 3
    rest = [json.loads(text) async for text in texts]
    assert rest == [ADDED, DELTA, DELTA, DONE]


@pytest.mark.parametrize(
    "event",
    [DONE, {"type": "response.function_call_arguments.delta", "delta": "{"}, {"type": "new.kind"}],
)
async def test_an_event_that_is_no_opening_begins_the_answer(event: dict[str, Any]) -> None:
    texts = begun(Stream([CREATED, event]))

    assert [json.loads(text) async for text in texts] == [CREATED, event]


async def test_a_stream_of_an_opening_alone_is_empty() -> None:
    assert [text async for text in begun(Stream([CREATED, ADDED]))] == []


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"type": "error", "error": {"type": "oom", "message": "m"}}, EngineFailed),
        ({"type": "error", "code": "oom", "message": "m"}, EngineFailed),
        ({"type": "response.failed", "response": {"error": {"code": "oom"}}}, EngineFailed),
        ({"type": "error", "error": {"message": "Client disconnected"}}, EngineBusy),
        ({"type": "error", "error": None}, EngineFailed),
        ("no JSON", EngineFailed),
        ("[1]", EngineFailed),
    ],
)
async def test_an_error_among_the_events_is_raised(event: object, kind: type[EngineError]) -> None:
    stream = Stream([CREATED, event])

    with pytest.raises(kind):
        await anext(begun(stream))

    assert stream.closed


async def test_closing_it_closes_the_engine_s_stream() -> None:
    stream = Stream([CREATED, DELTA, DONE])
    texts = begun(stream)
    await anext(texts)

    await texts.aclose()

    assert stream.closed


@pytest.mark.parametrize(
    ("operation", "streams"), [("chat", True), ("completions", True), ("responses", False)]
)
async def test_other_answers_pass_untouched(operation: Operation, streams: bool) -> None:
    texts = begun(Stream([CREATED, "anything"]), operation, streams=streams)

    assert [text async for text in texts] == [json.dumps(CREATED), "anything"]


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        ({"prompt_tokens": 5, "completion_tokens": 2}, Usage(5, 2)),
        ({"prompt_tokens": 5, "total_tokens": 5}, Usage(5, 0)),
        ({"input_tokens": 5, "output_tokens": 2}, Usage(5, 2)),
        ({"input_tokens": 1, "cache_read_input_tokens": 4, "output_tokens": 2}, Usage(5, 2)),
        (
            {"input_tokens": 1, "cache_creation_input_tokens": 4, "cache_read_input_tokens": None},
            Usage(5, 0),
        ),
        ({"output_tokens": 2}, Usage(9, 2)),
    ],
)
def test_usage_is_read_by_all_its_names(told: dict[str, Any], usage: Usage) -> None:
    assert usage_of(told, Usage(9, 0)) == usage
