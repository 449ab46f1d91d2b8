from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

import httpx2
import pytest
from pydantic import JsonValue
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from profiles.evaluation import EvaluationFailed, Item, Message, Outcome, evaluate
from profiles.evaluation.accuracy import accuracy_by_difficulty, accuracy_by_scope
from profiles.evaluation.graders import GraderName
from serve_app.core.request import Task


def an_item(
    id_: str, reference: str = "yes", task: Task = "reasoning", grader: GraderName = "exact"
) -> Item:
    question = (Message(role="user", content=id_),)
    return Item(id=id_, task=task, messages=question, reference=reference, grader=grader)


@dataclass
class Server:
    """A chat server that answers by the question, and remembers what it was asked."""

    answer: Callable[[str], Awaitable[Response]]
    bodies: list[dict[str, JsonValue]] = field(default_factory=list)

    async def chat(self, request: Request) -> Response:
        body = await request.json()
        self.bodies.append(body)
        return await self.answer(body["messages"][-1]["content"])

    def transport(self) -> httpx2.AsyncBaseTransport:
        route = Route("/v1/chat/completions", self.chat, methods=["POST"])
        return httpx2.ASGITransport(Starlette(routes=[route]))


def completion(content: JsonValue, **rest: JsonValue) -> Response:
    choices = [{"message": {"role": "assistant", "content": content}}]
    return JSONResponse({"choices": choices, **rest})


async def says_yes(question: str) -> Response:
    return completion("Yes.")


async def evaluated(
    server: Server,
    *items: Item,
    concurrency: int = 4,
    progress: Callable[[int, int], None] = lambda done, total: None,
    url: str = "http://engine",
) -> tuple[Outcome, ...]:
    return await evaluate(
        items,
        url=url,
        model="pair-a",
        concurrency=concurrency,
        progress=progress,
        transport=server.transport(),
    )


def errors(outcomes: Sequence[Outcome]) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome.error is not None]


async def test_accuracy_is_counted_per_task_and_overall() -> None:
    outcomes = await evaluated(
        Server(says_yes),
        an_item("a", "yes", "reasoning"),
        an_item("b", "no", "reasoning"),
        an_item("c", "yes", "classification"),
    )
    accuracy = accuracy_by_scope(outcomes)
    assert accuracy["reasoning"].mean == 0.5
    assert accuracy["classification"].mean == 1.0
    assert (accuracy["overall"].items, accuracy["overall"].mean) == (3, 2 / 3)


async def test_accuracy_is_counted_by_difficulty() -> None:
    easy = replace(an_item("a", "yes"), difficulty=0.1)
    hard = replace(an_item("b", "no"), difficulty=0.9)
    outcomes = await evaluated(Server(says_yes), easy, hard, an_item("c"))
    means = {name: accuracy.mean for name, accuracy in accuracy_by_difficulty(outcomes).items()}
    assert means == {"easy": 1.0, "hard": 0.0}


async def test_an_outcome_says_what_was_asked_of_whom_and_what_it_took() -> None:
    async def counted(question: str) -> Response:
        usage = {"prompt_tokens": 11, "completion_tokens": 2, "total_tokens": 13}
        return completion("Yes.", usage=usage)

    item = replace(an_item("a", task="code"), difficulty=0.5)
    (outcome,) = await evaluated(Server(counted), item)
    assert (outcome.pair, outcome.task, outcome.difficulty) == ("pair-a", "code", 0.5)
    assert (outcome.messages, outcome.digest) == (item.messages, item.digest)
    assert (outcome.prompt_tokens, outcome.completion_tokens) == (11, 2)


async def test_a_server_that_counts_no_tokens_is_not_said_to_count_none() -> None:
    (outcome,) = await evaluated(Server(says_yes), an_item("a"))
    assert (outcome.prompt_tokens, outcome.completion_tokens) == (None, None)


async def test_every_item_keeps_its_outcome_in_the_order_of_the_items() -> None:
    outcomes = await evaluated(Server(says_yes), an_item("b", "yes"), an_item("a", "no"))
    assert [(o.item, o.answer, o.score) for o in outcomes] == [
        ("b", "Yes.", 1.0),
        ("a", "Yes.", 0.0),
    ]


@pytest.mark.parametrize("url", ["http://engine", "http://engine/", "http://engine/v1"])
async def test_questions_are_put_greedily_to_the_named_model(url: str) -> None:
    server = Server(says_yes)
    await evaluated(server, an_item("a"), url=url)
    (body,) = server.bodies
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("pair-a", 0, 32)
    assert isinstance(body["seed"], int)


async def test_progress_counts_up_to_all_items() -> None:
    told: list[tuple[int, int]] = []
    await evaluated(
        Server(says_yes),
        *(an_item(str(n)) for n in range(5)),
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]


async def test_no_more_questions_are_open_at_once_than_allowed() -> None:
    open_now = most = 0

    async def slow(question: str) -> Response:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        for _ in range(10):
            await asyncio.sleep(0)
        open_now -= 1
        return completion("yes")

    await evaluated(Server(slow), *(an_item(str(n)) for n in range(12)), concurrency=3)
    assert most == 3


async def broken(question: str) -> Response:
    return JSONResponse({"error": {"message": "out of memory"}}, status_code=500)


async def not_a_completion(question: str) -> Response:
    return JSONResponse({"choices": []})


async def no_text(question: str) -> Response:
    return completion(None)


async def no_json(question: str) -> Response:
    return Response("<html>")


@pytest.mark.parametrize("fault", [broken, not_a_completion, no_text, no_json])
async def test_a_question_without_an_answer_is_an_error_and_neither_right_nor_wrong(
    fault: Callable[[str], Awaitable[Response]],
) -> None:
    async def mostly_yes(question: str) -> Response:
        return await (fault(question) if question == "17" else says_yes(question))

    outcomes = await evaluated(Server(mostly_yes), *(an_item(str(n)) for n in range(60)))
    assert [outcome.item for outcome in errors(outcomes)] == ["17"]
    accuracy = accuracy_by_scope(outcomes)
    assert (accuracy["overall"].items, accuracy["overall"].mean) == (59, 1.0)


async def test_a_grader_that_fails_is_an_error_of_its_item() -> None:
    wrong = an_item("bad", reference="(", grader="regex")
    outcomes = await evaluated(Server(says_yes), wrong, *(an_item(str(n)) for n in range(59)))
    (error,) = errors(outcomes)
    assert (error.item, error.answer) == ("bad", "Yes.")
    assert error.error is not None
    assert "grader 'regex' of item 'bad'" in error.error


async def test_code_is_graded_by_running_it() -> None:
    async def doubles(question: str) -> Response:
        return completion(f"def double(x): return {question} * x")

    tests = "assert double(2) == 4"
    outcomes = await evaluated(
        Server(doubles),
        *(an_item(factor, tests, task="code", grader="code") for factor in ("2", "3")),
    )
    assert [outcome.score for outcome in outcomes] == [1.0, 0.0]


async def test_a_sandbox_that_does_not_start_is_an_error_of_its_items(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    item = an_item("bad", "assert True", task="code", grader="code")
    outcomes = await evaluated(Server(says_yes), item, *(an_item(str(n)) for n in range(59)))
    (error,) = errors(outcomes)
    assert error.error is not None
    assert "the sandbox did not start" in error.error


async def test_too_many_errors_fail_the_run_and_say_what_happened() -> None:
    with pytest.raises(EvaluationFailed, match=r"3 of 3 items got no score.*500"):
        await evaluated(Server(broken), *(an_item(str(n)) for n in range(3)))


async def test_no_items_measure_nothing() -> None:
    with pytest.raises(EvaluationFailed):
        await evaluated(Server(says_yes))


async def test_what_was_answered_before_is_not_asked_again() -> None:
    first = Server(says_yes)
    kept: list[Outcome] = []
    items = (an_item("a"), an_item("b"), an_item("c"))
    await evaluate(
        items[:2],
        url="http://engine",
        model="pair-a",
        concurrency=1,
        progress=lambda done, total: None,
        keep=kept.append,
        transport=first.transport(),
    )
    changed = replace(kept[1], digest="of another question")

    server = Server(says_yes)
    outcomes = await evaluate(
        items,
        url="http://engine",
        model="pair-a",
        concurrency=1,
        progress=lambda done, total: None,
        earlier=(kept[0], changed),
        transport=server.transport(),
    )

    assert [body["messages"] for body in server.bodies] == [
        [{"role": "user", "content": id_}] for id_ in ("b", "c")
    ]
    assert outcomes[0] == kept[0]
    assert [outcome.item for outcome in outcomes] == ["a", "b", "c"]


async def test_a_question_that_got_no_score_is_asked_again() -> None:
    kept: list[Outcome] = []
    failed = replace(
        (await evaluated(Server(says_yes), an_item("a")))[0], score=None, error="ReadTimeout"
    )
    outcomes = await evaluate(
        [an_item("a")],
        url="http://engine",
        model="pair-a",
        concurrency=1,
        progress=lambda done, total: None,
        earlier=(failed,),
        keep=kept.append,
        transport=Server(says_yes).transport(),
    )
    assert kept == list(outcomes)
    assert outcomes[0].score == 1.0
