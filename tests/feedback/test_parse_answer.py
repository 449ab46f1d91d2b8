"""What an answer said is read from the engine's own texts, streamed or not."""

from __future__ import annotations

import json

import pytest

from serve_app.core.cost import Usage
from serve_app.core.ports import EngineCall, Operation
from serve_app.feedback.grading import ParsedAnswer, parse_answer
from serve_app.testing import FakeEngine, Script


async def texts_of(
    script: Script, *, stream: bool, operation: Operation = "chat"
) -> tuple[str, ...]:
    body = {"model": "a", "stream": stream, "stream_options": {"include_usage": True}}
    call = EngineCall(operation=operation, body=body, request_id="1")
    return tuple([text async for text in FakeEngine({"a": script}).answer("a", call)])


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("operation", ["chat", "completions"])
async def test_an_answer_reads_the_same_whole_and_in_chunks(
    stream: bool, operation: Operation
) -> None:
    texts = await texts_of(Script(), stream=stream, operation=operation)

    assert parse_answer(texts) == ParsedAnswer(
        text="Hello world", finish="stop", usage=Usage(prompt_tokens=7, completion_tokens=2)
    )


@pytest.mark.parametrize("stream", [True, False])
async def test_tool_calls_read_as_their_names_and_arguments(stream: bool) -> None:
    script = Script(tokens=('{"x":', " 1}"), calls_tool="add")

    text = parse_answer(await texts_of(script, stream=stream)).text

    assert json.loads(text) == [{"name": "add", "arguments": {"x": 1}}]


def test_arguments_that_are_no_json_stay_as_they_are() -> None:
    call = {"function": {"name": "add", "arguments": "{oops"}}
    answer = {"choices": [{"message": {"content": None, "tool_calls": [call]}}]}

    assert json.loads(parse_answer((json.dumps(answer),)).text) == [
        {"name": "add", "arguments": "{oops"}
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json",
        "[]",
        '{"choices": [], "usage": {"prompt_tokens": 1e999}}',
        '{"choices": [3]}',
        '{"choices": 3}',
        '{"choices":' + "[" * 100_000,
    ],
)
def test_what_is_no_answer_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"JSON|form|Expecting"):
        parse_answer((text,))


@pytest.mark.parametrize(
    ("finish", "is_complete"),
    [("stop", True), ("tool_calls", True), ("length", False), ("abort", False), (None, False)],
)
def test_only_an_answer_that_its_model_ended_is_complete(
    finish: str | None, is_complete: bool
) -> None:
    first = {"choices": [{"delta": {"content": "Hel"}, "finish_reason": None}]}
    last = {"choices": [{"delta": {"content": "lo"}, "finish_reason": finish}]}

    assert parse_answer((json.dumps(first), json.dumps(last))).is_complete is is_complete


def test_only_the_first_choice_is_read() -> None:
    choices = [
        {"index": 1, "message": {"content": "No"}, "finish_reason": "length"},
        {"index": 0, "message": {"content": "Yes"}, "finish_reason": "stop"},
    ]

    assert parse_answer((json.dumps({"choices": choices}),)) == ParsedAnswer(
        text="Yes", finish="stop"
    )
