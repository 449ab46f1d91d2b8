"""Asks an OpenAI-compatible server every item and grades the answers."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import httpx2
from pydantic import JsonValue

from profiles.errors import ProfilingError
from profiles.evaluation.graders import GRADERS
from profiles.evaluation.items import Item
from profiles.evaluation.outcome import Answer, Outcome, outcome_of
from profiles.evaluation.sandbox import SandboxUnavailable, missing_protection
from serve_app.core.profile import Scope, TaskAccuracy

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
Accuracy = Mapping[Scope, TaskAccuracy]

MOST_ERRORS = 0.02
ANSWER_TIMEOUT_S = 120.0
SEED = 0


class EvaluationFailed(ProfilingError):
    """Too many items got no score for the others to stand for the set."""

    def __init__(self, errors: int, items: int, causes: tuple[str, ...]) -> None:
        super().__init__(errors, items, causes)
        self.errors = errors
        self.items = items
        self.causes = causes

    def __str__(self) -> str:
        return (
            f"{self.errors} of {self.items} items got no score, at most {MOST_ERRORS:.0%} may: "
            + "; ".join(self.causes)
        )


async def evaluate(
    items: Sequence[Item],
    *,
    url: str,
    model: str,
    concurrency: int,
    progress: Progress,
    transport: httpx2.AsyncBaseTransport | None = None,
) -> tuple[Outcome, ...]:
    """Puts every item to `model` at `url`, greedily, `concurrency` at once, and grades its answer.

    Outcomes are in the order of the items. Raises `EvaluationFailed` when more than 2 % of the
    items got no score.
    """
    await _warn_of_open_sandbox(items)
    asking, grading = asyncio.Semaphore(concurrency), asyncio.Semaphore(os.cpu_count() or 1)
    done = 0

    async def one(item: Item, client: httpx2.AsyncClient) -> Outcome:
        nonlocal done
        outcome = await _outcome(item, client, model, asking=asking, grading=grading)
        done += 1
        progress(done, len(items))
        return outcome

    async with (
        httpx2.AsyncClient(
            base_url=url.rstrip("/").removesuffix("/v1"),
            timeout=ANSWER_TIMEOUT_S,
            limits=httpx2.Limits(max_connections=concurrency),
            transport=transport,
        ) as client,
        asyncio.TaskGroup() as group,
    ):
        tasks = [group.create_task(one(item, client)) for item in items]
    outcomes = tuple(task.result() for task in tasks)
    _refuse_too_many_errors(outcomes)
    return outcomes


async def _warn_of_open_sandbox(items: Sequence[Item]) -> None:
    if not any(item.grader == "code" for item in items):
        return
    try:
        missing = await asyncio.to_thread(missing_protection)
    except SandboxUnavailable:
        # Each item that needs the sandbox will say so.
        return
    if missing:
        logger.warning(
            "this kernel does not shut %s off from code that answers bring: run this where nothing "
            "can be harmed, or leave out items with the grader 'code'",
            ", ".join(missing),
        )


async def _outcome(
    item: Item,
    client: httpx2.AsyncClient,
    pair: str,
    *,
    asking: asyncio.Semaphore,
    grading: asyncio.Semaphore,
) -> Outcome:
    try:
        async with asking:
            answer = await _ask(item, client, pair)
    except httpx2.HTTPError as exc:
        return outcome_of(pair, item, None, error=f"{type(exc).__name__}: {exc}")
    except (ValueError, LookupError, TypeError) as exc:
        return outcome_of(pair, item, None, error=f"the answer is no chat completion: {exc!r}")
    try:
        grader = GRADERS[item.grader]
        if grader.slow:
            async with grading:
                score = await asyncio.to_thread(grader, answer.text, item.reference)
        else:
            score = grader(answer.text, item.reference)
    except (ValueError, ArithmeticError, LookupError, OSError) as exc:
        error = f"grader {item.grader!r} of item {item.id!r}: {exc}"
        return outcome_of(pair, item, answer, error=error)
    return outcome_of(pair, item, answer, score=score)


async def _ask(item: Item, client: httpx2.AsyncClient, pair: str) -> Answer:
    body = {
        "model": pair,
        "messages": [{"role": m.role, "content": m.content} for m in item.messages],
        "max_tokens": item.max_tokens,
        "temperature": 0,
        "seed": SEED,
    }
    response = (await client.post("/v1/chat/completions", json=body)).raise_for_status()
    completion = json.loads(response.content)
    text = completion["choices"][0]["message"]["content"]
    if not isinstance(text, str):
        raise TypeError(f"content is {text!r}, not a text")
    return Answer(
        text=text,
        prompt_tokens=_counted(completion, "prompt_tokens"),
        completion_tokens=_counted(completion, "completion_tokens"),
    )


def _counted(completion: Mapping[str, JsonValue], tokens: str) -> int | None:
    usage = completion.get("usage")
    count = usage.get(tokens) if isinstance(usage, dict) else None
    return count if isinstance(count, int) else None


def _refuse_too_many_errors(outcomes: Sequence[Outcome]) -> None:
    causes = Counter(outcome.error for outcome in outcomes if outcome.error is not None)
    errors = causes.total()
    if errors > MOST_ERRORS * len(outcomes) or errors == len(outcomes):
        told = tuple(f"{cause} ({count}x)" for cause, count in causes.most_common(3))
        raise EvaluationFailed(errors, len(outcomes), told)
