"""Puts the golden probes to a running vLLM and keeps what it says of every token.

Knows the engine's HTTP interface; not what is allowed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import httpx2

from profiles.validation.probe_results import Answer, Probes, ScoredText, Trouble
from profiles.validation.probe_set import Probe, ProbeSet
from profiles.validation.replies import (
    ReplyUnusable,
    parsed,
    read_answer,
    read_continued,
    read_text,
    scoring,
)

Progress = Callable[[int, int], None]
T = TypeVar("T")

ANSWERS_AT_ONCE = 8
ANSWER_TIMEOUT_S = 300.0
# What the server's JSON encoder says of NaN.
NOT_JSON = "not JSON compliant"


async def collect_probes(
    *,
    url: str,
    model: str,
    probe_set: ProbeSet,
    progress: Progress,
    chat: bool = True,
    continue_from: Sequence[Answer] | None = None,
) -> Probes:
    """Scores every text, answers every prompt, and scores each answer in `continue_from`.

    Those are the parent's answers, token by token; without them its own are scored. `chat` is
    whether the model has a chat template. A probe that fails is a trouble in the result.
    """
    async with httpx2.AsyncClient(
        base_url=url.rstrip("/").removesuffix("/v1"), timeout=ANSWER_TIMEOUT_S
    ) as client:
        run = _Run(
            client, model, chat, progress, of=len(probe_set.texts) + 2 * len(probe_set.prompts)
        )
        answers = await run.answers(probe_set.prompts)
        texts = [await run.try_one(probe, run.score(probe)) for probe in probe_set.texts]
        continued = answers if continue_from is None else tuple(continue_from)
        by_id = {probe.id: probe for probe in probe_set.prompts}
        texts += [
            await run.try_one(by_id[answer.probe], run.score_answer(answer))
            for answer in continued
            if answer.token_ids and answer.probe in by_id
        ]
    return Probes(
        texts=tuple(text for text in texts if text is not None),
        answers=answers,
        troubles=tuple(run.troubles),
    )


class _Run:
    """One engine's probes under way."""

    def __init__(
        self, client: httpx2.AsyncClient, model: str, chat: bool, progress: Progress, *, of: int
    ) -> None:
        self.troubles: list[Trouble] = []
        self._client = client
        self._model = model
        self._chat = chat
        self._progress = progress
        self._of = of
        self._done = 0

    async def answers(self, prompts: Sequence[Probe]) -> tuple[Answer, ...]:
        slots = asyncio.Semaphore(ANSWERS_AT_ONCE)

        async def one(probe: Probe) -> Answer | None:
            async with slots:
                return await self.try_one(probe, self.answer(probe))

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(probe)) for probe in prompts]
        return tuple(answer for task in tasks if (answer := task.result()) is not None)

    async def try_one(self, probe: Probe, asking: Awaitable[T]) -> T | None:
        try:
            return await asking
        except ReplyUnusable as exc:
            self.troubles.append(
                Trouble(probe=probe.id, topic=probe.topic, kind=exc.kind, told=exc.told)
            )
            return None
        finally:
            self._done += 1
            self._progress(min(self._done, self._of), self._of)

    async def answer(self, probe: Probe) -> Answer:
        asked: dict[str, Any] = {"max_tokens": probe.max_tokens}
        if self._chat:
            asked |= {"messages": [{"role": "user", "content": probe.content}], "logprobs": True}
            replied = await self._post("/v1/chat/completions", asked)
        else:
            asked |= {"prompt": probe.content, "logprobs": 1}
            replied = await self._post("/v1/completions", asked)
        return parsed(read_answer, probe, replied)

    async def score(self, probe: Probe) -> ScoredText:
        replied = await self._post("/v1/completions", scoring(probe.content))
        return parsed(read_text, probe, replied)

    async def score_answer(self, answer: Answer) -> ScoredText:
        ids = [*answer.prompt_ids, *answer.token_ids]
        replied = await self._post("/v1/completions", scoring(ids))
        return parsed(read_continued, answer, replied)

    async def _post(self, path: str, asked: dict[str, Any]) -> Any:
        body = {
            "model": self._model,
            "temperature": 0,
            "seed": 0,
            "return_token_ids": True,
            **asked,
        }
        try:
            response = await self._client.post(path, json=body)
        except httpx2.HTTPError as exc:
            raise ReplyUnusable("error", f"{type(exc).__name__}: {exc}") from exc
        if response.is_error and NOT_JSON in response.text:
            raise ReplyUnusable("not_finite", "NaN or infinity, which its JSON cannot hold")
        if response.is_error:
            raise ReplyUnusable("error", f"HTTP {response.status_code}: {response.text[:200]}")
        try:
            return json.loads(response.content)
        except ValueError as exc:
            raise ReplyUnusable("error", f"its answer is no JSON: {response.text[:80]!r}") from exc
