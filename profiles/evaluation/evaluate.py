"""Asks an OpenAI-compatible server every item and grades the answers."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

import httpx2

from profiles.errors import ProfilingError
from profiles.evaluation.graders import GRADERS
from profiles.evaluation.items import Item
from profiles.evaluation.outcome import Outcome
from profiles.evaluation.sandbox import SandboxUnavailable, missing_protection

logger = logging.getLogger(__name__)

MOST_ERRORS = 0.02
# Only an engine that hangs is given up: a large model on a slow CPU takes minutes per answer.
ANSWER_TIMEOUT_S = 1800.0
SEED = 0


class EvaluationFailed(ProfilingError):
    """Too many items got no score for the others to stand for the set."""


async def evaluate(
    items: Sequence[Item],
    *,
    url: str,
    model: str,
    concurrency: int,
    progress: Callable[[int, int], None],
    path: str = "/v1",
    api_key: str | None = None,
    earlier: Iterable[Outcome] = (),
    keep: Callable[[Outcome], None] = lambda _: None,
    transport: httpx2.AsyncBaseTransport | None = None,
) -> tuple[Outcome, ...]:
    """Puts every item to `model` at `url`, greedily, `concurrency` at once, and grades its answer.

    Items that have a score in `earlier` are not asked again. `keep` gets each other outcome as
    soon as it is there. Outcomes are in the order of the items. Raises `EvaluationFailed` when
    more than 2 % of the items got no score.
    """
    await _warn_of_open_sandbox(items)
    asking, grading = asyncio.Semaphore(concurrency), asyncio.Semaphore(os.cpu_count() or 1)
    known = {(each.item, each.digest): each for each in earlier if each.error is None}
    done = 0

    async def one(item: Item, client: httpx2.AsyncClient) -> Outcome:
        nonlocal done
        outcome = known.get((item.id, item.digest))
        if outcome is None:
            outcome = await _outcome(item, client, model, path, asking=asking, grading=grading)
            keep(outcome)
        done += 1
        progress(done, len(items))
        return outcome

    async with (
        httpx2.AsyncClient(
            base_url=url.rstrip("/").removesuffix("/v1"),
            headers={} if api_key is None else {"authorization": f"Bearer {api_key}"},
            timeout=ANSWER_TIMEOUT_S,
            limits=httpx2.Limits(max_connections=concurrency),
            transport=transport,
        ) as client,
        asyncio.TaskGroup() as group,
    ):
        tasks = [group.create_task(one(item, client)) for item in items]
    outcomes = tuple(task.result() for task in tasks)
    causes = Counter(outcome.error for outcome in outcomes if outcome.error is not None)
    errors = causes.total()
    if errors > MOST_ERRORS * len(outcomes) or errors == len(outcomes):
        named = "; ".join(f"{cause} ({count}x)" for cause, count in causes.most_common(3))
        raise EvaluationFailed(
            f"{errors} of {len(outcomes)} items got no score, at most {MOST_ERRORS:.0%} may: "
            f"{named}"
        )
    return outcomes


async def _warn_of_open_sandbox(items: Sequence[Item]) -> None:
    if not any(item.grader == "code" for item in items):
        return
    # Where there is no sandbox, each item that needs it reports so.
    with suppress(SandboxUnavailable):
        if missing := await asyncio.to_thread(missing_protection):
            logger.warning(
                "this kernel does not shut %s off from code that answers bring: run this where "
                "nothing can be harmed, or leave out items with the grader 'code'",
                ", ".join(missing),
            )


async def _outcome(
    item: Item,
    client: httpx2.AsyncClient,
    pair: str,
    path: str,
    *,
    asking: asyncio.Semaphore,
    grading: asyncio.Semaphore,
) -> Outcome:
    answer: str | None = None
    score: float | None = None
    error: str | None = None
    tokens: tuple[int | None, int | None] = (None, None)
    try:
        async with asking:
            answer, tokens = await _ask(item, client, pair, path)
    except httpx2.HTTPError as exc:
        error = f"{type(exc).__name__}: {exc}"
    except (ValueError, LookupError, TypeError) as exc:
        error = f"the answer is no chat completion: {exc!r}"
    else:
        try:
            grader = GRADERS[item.grader]
            if grader.slow:
                async with grading:
                    score = await asyncio.to_thread(grader, answer, item.reference)
            else:
                score = grader(answer, item.reference)
        except (ValueError, ArithmeticError, LookupError, OSError) as exc:
            error = f"grader {item.grader!r} of item {item.id!r}: {exc}"
    return Outcome(
        pair=pair,
        item=item.id,
        digest=item.digest,
        task=item.task,
        difficulty=item.difficulty,
        messages=item.messages,
        answer=answer,
        score=score,
        prompt_tokens=tokens[0],
        completion_tokens=tokens[1],
        error=error,
    )


async def _ask(
    item: Item, client: httpx2.AsyncClient, pair: str, path: str
) -> tuple[str, tuple[int | None, int | None]]:
    """The answer, and the tokens that the engine counted in the prompt and in the answer."""
    body = {
        "model": pair,
        "messages": [{"role": m.role, "content": m.content} for m in item.messages],
        "max_tokens": item.max_tokens,
        "temperature": 0,
        "seed": SEED,
    }
    response = (await client.post(f"{path}/chat/completions", json=body)).raise_for_status()
    completion = json.loads(response.content)
    text = completion["choices"][0]["message"]["content"]
    if not isinstance(text, str):
        raise TypeError(f"content is {text!r}, not a text")
    usage = completion.get("usage")
    counts = usage if isinstance(usage, dict) else {}
    prompt, answered = counts.get("prompt_tokens"), counts.get("completion_tokens")
    return text, (
        prompt if isinstance(prompt, int) else None,
        answered if isinstance(answered, int) else None,
    )
