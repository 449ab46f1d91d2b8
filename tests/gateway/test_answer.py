"""What passes to the caller of what an engine sends, and what is known of it at the end."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

import pytest

from serve_app.core.cost import Usage
from serve_app.core.errors import EngineFailed
from serve_app.gateway.answer import Answer
from tests.gateways import CATALOG, a_request, gateway_under_test

USAGE = {"prompt_tokens": 1_000_000, "completion_tokens": 500_000, "total_tokens": 1_500_000}
COUNTED = Usage(prompt_tokens=1_000_000, completion_tokens=500_000)
COST_USD = CATALOG.prices["cheap"].cost_usd(COUNTED)


def a_chunk(content: str, *, finish: str | None = None, index: int = 0, model: str = "") -> str:
    choice = {"index": index, "delta": {"content": content}, "finish_reason": finish}
    return json.dumps({"model": model or "cheap", "choices": [choice]}, separators=(",", ":"))


def a_usage_chunk() -> str:
    return json.dumps({"model": "cheap", "choices": [], "usage": USAGE}, separators=(",", ":"))


async def an_answer(
    texts: AsyncGenerator[str, None], *, stream: bool = True, usage_asked: bool = False
) -> Answer:
    """An answer of `cheap`, whose engine sends `texts`."""
    request = a_request(stream=stream, usage_asked=usage_asked)
    answer = Answer(request, await gateway_under_test().gateway.explain(request))
    answer.begin("cheap", texts, now_s=0.0)
    return answer


async def each(texts: Sequence[str]) -> AsyncGenerator[str, None]:
    for text in texts:
        yield text


async def sent(chunks: Sequence[str], *, usage_asked: bool) -> list[list[str]]:
    """What the caller gets after each of the engine's chunks, and at the end."""
    groups: list[list[str]] = [[]]

    async def engine() -> AsyncGenerator[str, None]:
        for chunk in chunks:
            yield chunk
            groups.append([])

    answer = await an_answer(engine(), usage_asked=usage_asked)
    async for text in answer.chunks():
        groups[-1].append(text)
    return groups


async def test_tokens_pass_at_once_and_unchanged() -> None:
    tokens = [a_chunk("a"), a_chunk('"usage":{"finish_reason":"stop"}')]

    assert await sent(tokens, usage_asked=False) == [[tokens[0]], [tokens[1]], []]


async def test_the_last_chunk_carries_usage_when_the_caller_did_not_ask_for_it() -> None:
    finish = a_chunk("b", finish="stop")

    groups = await sent([a_chunk("a"), finish, a_usage_chunk()], usage_asked=False)

    assert groups[:2] == [[a_chunk("a")], []]
    (last,) = groups[2]
    assert json.loads(last) == {**json.loads(finish), "usage": USAGE}


async def test_the_usage_chunk_passes_with_its_cost_when_the_caller_asked_for_it() -> None:
    finish = a_chunk("b", finish="stop")

    groups = await sent([finish, a_usage_chunk()], usage_asked=True)

    assert groups[0] == [finish]
    assert json.loads(groups[1][0])["usage"] == {**USAGE, "cost_usd": COST_USD}


async def test_of_several_choices_only_the_last_to_end_carries_usage() -> None:
    first, second = a_chunk("a", finish="stop", index=0), a_chunk("b", finish="length", index=1)
    between = a_chunk("c", index=1)

    groups = await sent([first, between, second, a_usage_chunk()], usage_asked=False)

    assert groups[:3] == [[], [first, between], []]
    assert "usage" in json.loads(groups[3][0])
    assert groups[4] == []


async def test_a_stream_without_usage_still_ends_with_its_last_chunk() -> None:
    finish = a_chunk("b", finish="stop")

    assert await sent([finish], usage_asked=False) == [[], [finish]]


async def test_a_pair_that_breaks_still_gives_what_was_held_back() -> None:
    finish = a_chunk("b", finish="stop")

    async def engine() -> AsyncGenerator[str, None]:
        yield finish
        raise EngineFailed("cheap", "oom")

    answer = await an_answer(engine())
    chunks = answer.chunks()

    assert await anext(chunks) == finish
    with pytest.raises(EngineFailed, match="oom"):
        await anext(chunks)
    assert answer.failure is not None


@pytest.mark.parametrize("usage_asked", [True, False])
async def test_usage_is_remembered_whether_or_not_the_caller_asked(*, usage_asked: bool) -> None:
    chunks = each([a_chunk("b", finish="stop"), a_usage_chunk()])
    answer = await an_answer(chunks, usage_asked=usage_asked)

    [text async for text in answer.chunks()]

    assert answer.usage == COUNTED


async def test_an_engine_that_uses_another_name_is_renamed() -> None:
    ((text,), *_) = await sent([a_chunk("a", model="w4a16")], usage_asked=False)

    assert json.loads(text) == json.loads(a_chunk("a"))


async def test_a_whole_answer_gets_the_pairs_name_and_its_cost() -> None:
    text = json.dumps({"model": "x", "choices": [1], "usage": USAGE})
    answer = await an_answer(each([text]), stream=False, usage_asked=True)

    whole = json.loads(await answer.whole())

    assert whole == {"model": "cheap", "choices": [1], "usage": {**USAGE, "cost_usd": COST_USD}}


async def test_a_pair_without_a_price_costs_nothing_that_can_be_named() -> None:
    request = a_request(usage_asked=True)
    routing = await gateway_under_test().gateway.explain(request)
    answer = Answer(request, replace(routing, snapshot=replace(routing.snapshot, catalog=None)))
    answer.begin("cheap", each([json.dumps({"usage": USAGE})]), now_s=0.0)

    assert json.loads(await answer.whole())["usage"] == USAGE


@pytest.mark.parametrize("text", ["Internal Server Error", '"model"', "[1]"])
async def test_an_engine_that_does_not_answer_with_an_object_has_failed(text: str) -> None:
    answer = await an_answer(each([text]), stream=False)

    with pytest.raises(EngineFailed):
        await answer.whole()
