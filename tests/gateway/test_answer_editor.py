from __future__ import annotations

import json

import pytest

from serve_app.core.cost import TokenPrice, Usage
from serve_app.core.errors import EngineFailed
from serve_app.gateway.answer_editor import AnswerEditor

PRICE = TokenPrice(usd_per_mtok_in=1.0, usd_per_mtok_out=2.0)
USAGE = {"prompt_tokens": 1_000_000, "completion_tokens": 500_000, "total_tokens": 1_500_000}


def a_chunk(content: str, *, finish: str | None = None, index: int = 0) -> str:
    choice = {"index": index, "delta": {"content": content}, "finish_reason": finish}
    return json.dumps({"model": "w8a8", "choices": [choice]}, separators=(",", ":"))


def a_usage_chunk() -> str:
    return json.dumps({"model": "w8a8", "choices": [], "usage": USAGE}, separators=(",", ":"))


def edit(chunks: list[str], *, usage_asked: bool) -> list[tuple[str, ...]]:
    editor = AnswerEditor("w8a8", PRICE, usage_asked=usage_asked)
    return [*(editor.chunk(chunk) for chunk in chunks), editor.rest()]


def test_tokens_pass_at_once_and_unchanged() -> None:
    tokens = [a_chunk("a"), a_chunk('"usage":{"finish_reason":"stop"}')]

    assert edit(tokens, usage_asked=False) == [(tokens[0],), (tokens[1],), ()]


def test_the_last_chunk_carries_usage_when_the_caller_did_not_ask_for_it() -> None:
    sent = edit([a_chunk("a"), a_chunk("b", finish="stop"), a_usage_chunk()], usage_asked=False)

    assert sent[:2] == [(a_chunk("a"),), ()]
    (last,) = sent[2]
    assert json.loads(last) == {**json.loads(a_chunk("b", finish="stop")), "usage": USAGE}


def test_the_usage_chunk_passes_with_its_cost_when_the_caller_asked_for_it() -> None:
    finish = a_chunk("b", finish="stop")

    sent = edit([finish, a_usage_chunk()], usage_asked=True)

    assert sent[0] == (finish,)
    assert json.loads(sent[1][0])["usage"] == {**USAGE, "cost_usd": 2.0}


def test_of_several_choices_only_the_last_to_end_carries_usage() -> None:
    first, second = a_chunk("a", finish="stop", index=0), a_chunk("b", finish="length", index=1)
    between = a_chunk("c", index=1)

    sent = edit([first, between, second, a_usage_chunk()], usage_asked=False)

    assert sent[:3] == [(), (first, between), ()]
    assert "usage" in json.loads(sent[3][0])
    assert sent[4] == ()


def test_a_stream_without_usage_still_ends_with_its_last_chunk() -> None:
    finish = a_chunk("b", finish="stop")

    assert edit([finish], usage_asked=False) == [(), (finish,)]


def test_usage_is_remembered_whoever_asked() -> None:
    for usage_asked in (True, False):
        editor = AnswerEditor("w8a8", None, usage_asked=usage_asked)
        editor.chunk(a_chunk("b", finish="stop"))
        editor.chunk(a_usage_chunk())

        assert editor.usage == Usage(prompt_tokens=1_000_000, completion_tokens=500_000)


def test_an_engine_that_uses_another_name_is_renamed() -> None:
    editor = AnswerEditor("w4a16", PRICE, usage_asked=False)

    (text,) = editor.chunk(a_chunk("a"))

    assert json.loads(text) == {**json.loads(a_chunk("a")), "model": "w4a16"}


def test_a_whole_answer_gets_the_pairs_name_and_its_cost() -> None:
    editor = AnswerEditor("w8a8", PRICE, usage_asked=True)

    whole = json.loads(editor.whole(json.dumps({"model": "x", "choices": [1], "usage": USAGE})))

    assert whole == {"model": "w8a8", "choices": [1], "usage": {**USAGE, "cost_usd": 2.0}}


@pytest.mark.parametrize("text", ["Internal Server Error", '"model"', "[1]"])
def test_an_engine_that_does_not_answer_with_an_object_has_failed(text: str) -> None:
    with pytest.raises(EngineFailed):
        AnswerEditor("w8a8", PRICE, usage_asked=True).whole(text)
