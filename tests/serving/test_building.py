"""What fails before an engine generates is the request's fault, and what fails after is not.

The request classes here stand for vLLM's, which raise the same exceptions.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import BaseModel, model_validator

from serve_app.core.errors import EngineBusy, EngineFailed, EngineRejected
from serve_app.serving.building import (
    INTAKE,
    LONGEST_SEARCHED,
    Intake,
    build,
    refuse_while_adding,
)
from serve_app.serving.engine_texts import error_of_exception, texts_of

ACCEPTED = Intake()
ACCEPTED.accepted = True


class Refusal(Exception):
    """As vLLM's own refusals, which pydantic does not wrap."""

    def __init__(self, message: str, parameter: str | None = None) -> None:
        super().__init__(message)
        self.parameter = parameter


class BusyError(Exception):
    http_status = 503


class Request(BaseModel):
    messages: list[str]
    tools: list[Any] | None = None

    @model_validator(mode="before")
    @classmethod
    def check_tools(cls, data: dict[str, Any]) -> dict[str, Any]:
        if data.get("tools") == []:
            raise Refusal("`tools` must not be an empty array.", "tools")
        for tool in data.get("tools") or []:
            tool["function"]
        return data


@pytest.mark.parametrize(
    ("fields", "param", "words"),
    [
        ({"messages": ["hi"], "tools": []}, "tools", "must not be an empty array"),
        ({"messages": ["hi"], "tools": [{}]}, "tools", "KeyError: 'function'"),
        ({"messages": ["hi"], "tools": 5}, "tools", "TypeError"),
        ({"messages": [3]}, "messages.0", "messages.0: Input should be a valid string"),
    ],
    ids=["a refusal of its own", "a KeyError", "a TypeError", "pydantic's"],
)
def test_any_exception_while_a_request_is_built_refuses_it_and_names_the_field(
    fields: dict[str, Any], param: str, words: str
) -> None:
    with pytest.raises(EngineRejected) as refused:
        build("a", Request, fields)

    assert (refused.value.status, refused.value.param) == (400, param)
    assert words in refused.value.message


def test_the_wrong_field_of_a_long_request_is_not_looked_for() -> None:
    with pytest.raises(EngineRejected) as refused:
        build("a", Request, {"messages": ["hi" * LONGEST_SEARCHED], "tools": [{}]})

    assert refused.value.param is None


def test_a_failure_before_the_engine_took_the_request_is_the_requests() -> None:
    error = error_of_exception("a", KeyError("role"), {}, Intake(), own=False)

    assert isinstance(error, EngineRejected)
    assert error.message == "the engine cannot read the request: KeyError: 'role'"


def test_a_failure_after_the_engine_took_the_request_is_the_pairs() -> None:
    error = error_of_exception("a", KeyError("block"), {}, ACCEPTED, own=False)

    assert isinstance(error, EngineFailed)
    assert error.cause == "KeyError"


def test_a_dead_engine_is_never_the_requests_fault() -> None:
    error = error_of_exception("a", RuntimeError("dead"), {}, Intake(), own=True)

    assert isinstance(error, EngineFailed)


def test_an_engine_that_admits_nothing_more_has_no_room() -> None:
    assert isinstance(error_of_exception("a", BusyError(), {}, Intake(), own=True), EngineBusy)


def a_chunk(code: int, message: str) -> str:
    error = {"message": message, "type": "InternalServerError", "param": None, "code": code}
    return f"data: {json.dumps({'error': error})}\n\n"


def test_an_error_in_a_stream_is_read_as_one_outside_of_it() -> None:
    with pytest.raises(EngineRejected, match="bad regex"):
        texts_of("a", [a_chunk(400, "bad regex")], {}, ACCEPTED)
    with pytest.raises(EngineFailed):
        texts_of("a", [a_chunk(500, "EngineCore encountered an issue.")], {}, ACCEPTED)


def test_a_refusal_that_begins_with_a_field_of_the_request_is_about_that_field() -> None:
    message = "min_p must be in [0, 1], got 7.5."

    with pytest.raises(EngineRejected) as refused:
        texts_of("a", [a_chunk(400, message)], {"min_p": 7.5}, ACCEPTED)
    raised = error_of_exception("a", Refusal(message), {"min_p": 7.5}, Intake(), own=False)

    assert isinstance(raised, EngineRejected)
    assert (refused.value.param, raised.param) == ("min_p", "min_p")
    with pytest.raises(EngineRejected) as unnamed:
        texts_of("a", [a_chunk(400, message)], {"top_p": 7.5}, ACCEPTED)
    assert unnamed.value.param is None


def test_the_texts_of_a_stream_lose_their_frames_and_the_end_mark() -> None:
    parts = ['data: {"a":1}\n\ndata: {"b":2}\n\n', "data: [DONE]\n\n"]

    assert texts_of("a", parts, {}, ACCEPTED) == ['{"a":1}', '{"b":2}']


def test_a_grammar_that_only_the_engines_core_finds_wrong_is_the_requests_fault() -> None:
    wordless = a_chunk(500, "Internal server error")

    with pytest.raises(EngineRejected) as refused:
        texts_of("a", wordless, {"structured_outputs": {"regex": "("}}, ACCEPTED)
    assert refused.value.param == "structured_outputs"
    with pytest.raises(EngineFailed):
        texts_of("a", wordless, {}, ACCEPTED)


def test_tools_are_a_grammar_only_where_one_has_to_be_called() -> None:
    wordless = a_chunk(500, "Internal server error")

    with pytest.raises(EngineRejected) as refused:
        texts_of("a", wordless, {"tools": [{}], "tool_choice": "required"}, ACCEPTED)
    assert refused.value.param == "tools"
    for free in ({"tools": [{}]}, {"tools": [{}], "tool_choice": "auto"}):
        with pytest.raises(EngineFailed):
            texts_of("a", wordless, free, ACCEPTED)


class Client:
    """An engine's client that raises while it adds a request."""

    def __init__(self, error: Exception | None) -> None:
        self._error = error

    async def add_request(self, _: str) -> str:
        if self._error is not None:
            raise self._error
        return "queue"


async def test_an_engine_that_takes_a_request_over_shows_it() -> None:
    client, intake = Client(None), Intake()
    INTAKE.set(intake)
    refuse_while_adding(client, Refusal, (MemoryError,))

    assert await client.add_request("r") == "queue"
    assert intake.accepted


async def test_what_an_engine_cannot_add_it_refuses() -> None:
    client, intake = Client(TypeError("not a number")), Intake()
    INTAKE.set(intake)
    refuse_while_adding(client, Refusal, (MemoryError,))

    with pytest.raises(Refusal, match="TypeError: not a number"):
        await client.add_request("r")
    assert not intake.accepted


async def test_an_engine_without_memory_does_not_blame_the_request() -> None:
    client = Client(MemoryError())
    refuse_while_adding(client, Refusal, (MemoryError,))

    with pytest.raises(MemoryError):
        await client.add_request("r")
