"""Asks an OpenAI-compatible server every item and grades the answers."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Literal

import httpx2

from profiles.evaluation.graders import GRADERS
from profiles.evaluation.items import Item
from profiles.failures import ProfilingError
from serve_app.core.profile import TaskAccuracy
from serve_app.core.request import Task

Progress = Callable[[int, int], None]
Accuracy = Mapping[Task | Literal["overall"], TaskAccuracy]

MOST_ERRORS = 0.02
ANSWER_TIMEOUT_S = 120.0
SEED = 0
# 97.5th percentile of the normal distribution: both tails of a 95 % interval.
Z_95 = 1.959964


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one item: a score, or the reason there is none."""

    item: str
    task: Task
    answer: str | None
    score: float | None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationResult:
    """Accuracy per task and overall, and every item's outcome in the order of the items."""

    accuracy: Accuracy
    outcomes: tuple[Outcome, ...]

    @property
    def errors(self) -> tuple[Outcome, ...]:
        return tuple(outcome for outcome in self.outcomes if outcome.error is not None)


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
) -> EvaluationResult:
    """Puts every item to `model` at `url`, greedily, `concurrency` at once.

    Raises `EvaluationFailed` when more than 2 % of the items got no score.
    """
    slots = asyncio.Semaphore(concurrency)
    done = 0

    async def one(item: Item, client: httpx2.AsyncClient) -> Outcome:
        nonlocal done
        async with slots:
            outcome = await _outcome(item, client, model)
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
    return _result(tuple(task.result() for task in tasks))


async def _outcome(item: Item, client: httpx2.AsyncClient, model: str) -> Outcome:
    try:
        answer = await _ask(item, client, model)
    except httpx2.HTTPError as exc:
        return _without_score(item, None, f"{type(exc).__name__}: {exc}")
    except (ValueError, LookupError, TypeError) as exc:
        return _without_score(item, None, f"the answer is no chat completion: {exc!r}")
    try:
        score = GRADERS[item.grader](answer, item.reference)
    except (ValueError, ArithmeticError, LookupError) as exc:
        return _without_score(item, answer, f"grader {item.grader!r} of item {item.id!r}: {exc}")
    return Outcome(item=item.id, task=item.task, answer=answer, score=score)


def _without_score(item: Item, answer: str | None, error: str) -> Outcome:
    return Outcome(item=item.id, task=item.task, answer=answer, score=None, error=error)


async def _ask(item: Item, client: httpx2.AsyncClient, model: str) -> str:
    body = {
        "model": model,
        "messages": [{"role": m.role, "content": m.content} for m in item.messages],
        "max_tokens": item.max_tokens,
        "temperature": 0,
        "seed": SEED,
    }
    response = (await client.post("/v1/chat/completions", json=body)).raise_for_status()
    answer = json.loads(response.content)["choices"][0]["message"]["content"]
    if not isinstance(answer, str):
        raise TypeError(f"content is {answer!r}, not a text")
    return answer


def _result(outcomes: tuple[Outcome, ...]) -> EvaluationResult:
    causes = Counter(outcome.error for outcome in outcomes if outcome.error is not None)
    errors = causes.total()
    if errors > MOST_ERRORS * len(outcomes) or errors == len(outcomes):
        told = tuple(f"{cause} ({count}x)" for cause, count in causes.most_common(3))
        raise EvaluationFailed(errors, len(outcomes), told)
    return EvaluationResult(accuracy=_accuracy(outcomes), outcomes=outcomes)


def _accuracy(outcomes: Sequence[Outcome]) -> Accuracy:
    scores: dict[Task | Literal["overall"], list[float]] = {"overall": []}
    for outcome in outcomes:
        if outcome.score is not None:
            scores["overall"].append(outcome.score)
            scores.setdefault(outcome.task, []).append(outcome.score)
    return {task: task_accuracy(each) for task, each in scores.items()}


def task_accuracy(scores: Sequence[float]) -> TaskAccuracy:
    """Mean and lower end of the 95 % Wilson interval of scores from 0 to 1."""
    items = len(scores)
    mean = sum(scores) / items
    spread = Z_95 * sqrt(mean * (1 - mean) / items + (Z_95 / items / 2) ** 2)
    lower = (mean + Z_95**2 / items / 2 - spread) / (1 + Z_95**2 / items)
    return TaskAccuracy(mean=mean, lower=min(max(lower, 0.0), mean), items=items)
