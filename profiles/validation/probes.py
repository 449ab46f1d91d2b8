"""Puts the golden probes to a running vLLM and keeps what it returns for every token.

Knows the engine's HTTP interface and reads its replies; not what is allowed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, TypeVar

import httpx2

from profiles.validation.probe_set import (
    Answer,
    Probe,
    Probes,
    ProbeSet,
    ScoredText,
    Trouble,
    TroubleKind,
)

T = TypeVar("T")

# How many of the likeliest tokens are compared at each place.
TOP_TOKENS = 8
Progress = Callable[[int, int], None]

ANSWERS_AT_ONCE = 8
ANSWER_TIMEOUT_S = 300.0
# What the server's JSON encoder writes for NaN.
NOT_JSON = "not JSON compliant"


class ReplyUnusable(Exception):
    """An engine's reply to one probe is no result."""

    def __init__(self, kind: TroubleKind, told: str) -> None:
        super().__init__(kind, told)
        self.kind = kind
        self.told = told


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
        run = _Run(client, model, progress, of=len(probe_set.texts) + 2 * len(probe_set.prompts))
        slots = asyncio.Semaphore(ANSWERS_AT_ONCE)

        async def answer(probe: Probe) -> Answer | None:
            async with slots:
                return await run.try_one(probe, run.answer(probe, chat=chat))

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(answer(probe)) for probe in probe_set.prompts]
        answers = tuple(found for task in tasks if (found := task.result()) is not None)
        texts = [
            await run.try_one(probe, run.score(probe, probe.content)) for probe in probe_set.texts
        ]
        continued = answers if continue_from is None else tuple(continue_from)
        by_id = {probe.id: probe for probe in probe_set.prompts}
        texts += [
            await run.try_one(by_id[each.probe], run.score(by_id[each.probe], each))
            for each in continued
            if each.token_ids and each.probe in by_id
        ]
    return Probes(
        texts=tuple(text for text in texts if text is not None),
        answers=answers,
        troubles=tuple(run.troubles),
    )


@dataclass(slots=True)
class _Run:
    """One engine's probes under way."""

    client: httpx2.AsyncClient
    model: str
    progress: Progress
    of: int
    done: int = 0
    troubles: list[Trouble] = field(default_factory=list)

    async def try_one(self, probe: Probe, asking: Awaitable[T]) -> T | None:
        try:
            return await asking
        except ReplyUnusable as exc:
            kind, told = exc.kind, exc.told
        except (LookupError, TypeError, ValueError, AttributeError) as exc:
            kind, told = "error", f"its answer is not vLLM's: {exc!r}"
        finally:
            self.done += 1
            self.progress(min(self.done, self.of), self.of)
        self.troubles.append(Trouble(probe=probe.id, topic=probe.topic, kind=kind, told=told))
        return None

    async def answer(self, probe: Probe, *, chat: bool) -> Answer:
        asked: dict[str, Any] = {"max_tokens": probe.max_tokens}
        if chat:
            asked |= {"messages": [{"role": "user", "content": probe.content}], "logprobs": True}
            replied = await self.post("/v1/chat/completions", asked)
            choice = replied["choices"][0]
            logprobs = [token["logprob"] for token in choice["logprobs"]["content"]]
            prompt_ids, text = replied["prompt_token_ids"], choice["message"]["content"]
        else:
            asked |= {"prompt": probe.content, "logprobs": 1}
            choice = (await self.post("/v1/completions", asked))["choices"][0]
            logprobs = choice["logprobs"]["token_logprobs"]
            prompt_ids, text = choice["prompt_token_ids"], choice["text"]
        _require_finite(logprobs)
        return Answer(
            probe=probe.id,
            topic=probe.topic,
            prompt_ids=tuple(prompt_ids),
            token_ids=tuple(choice["token_ids"]),
            text=text or "",
            cut=choice["finish_reason"] == "length",
        )

    async def score(self, probe: Probe, scored: str | Answer) -> ScoredText:
        """Of a text all but its first token, which nothing comes before; of an answer its own."""
        asked: dict[str, Any] = {"max_tokens": 1, "prompt_logprobs": TOP_TOKENS}
        if isinstance(scored, str):
            asked["prompt"], begin = scored, 1
        else:
            asked["prompt"] = [*scored.prompt_ids, *scored.token_ids]
            begin = len(scored.prompt_ids)
        choice = (await self.post("/v1/completions", asked))["choices"][0]
        ids = choice["prompt_token_ids"][begin:]
        places = choice["prompt_logprobs"][begin:]
        logprobs = [place[str(token)]["logprob"] for token, place in zip(ids, places, strict=True)]
        # The place's own token is returned as well, however unlikely.
        tops = [
            tuple(
                (int(token), told["logprob"])
                for token, told in place.items()
                if told["rank"] is not None and told["rank"] <= TOP_TOKENS
            )
            for place in places
        ]
        _require_finite([*logprobs, *(value for top in tops for _, value in top)])
        return ScoredText(
            probe=probe.id,
            topic=probe.topic,
            origin="written" if isinstance(scored, str) else "answer",
            token_ids=tuple(ids),
            logprobs=tuple(logprobs),
            tops=tuple(tops),
        )

    async def post(self, path: str, asked: dict[str, Any]) -> Any:
        same = {"model": self.model, "temperature": 0, "seed": 0, "return_token_ids": True}
        try:
            response = await self.client.post(path, json=same | asked)
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


def _require_finite(logprobs: Sequence[float | None]) -> None:
    """vLLM clamps minus infinity to -9999, a number no sound model reaches."""
    wrong = [value for value in logprobs if value is None or not isfinite(value) or value <= -9999]
    if wrong:
        raise ReplyUnusable(
            "not_finite", f"{len(wrong)} of {len(logprobs)} log-probabilities, the first {wrong[0]}"
        )
