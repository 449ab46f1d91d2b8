"""Puts the golden probes to a running vLLM and keeps what it returns for every token.

Knows the engine's HTTP interface and reads its replies; not what is allowed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from math import isfinite
from typing import Any, Literal, TypeVar

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


def scoring(prompt: str | list[int]) -> dict[str, Any]:
    return {"prompt": prompt, "max_tokens": 1, "prompt_logprobs": TOP_TOKENS}


def parsed(parse: Callable[[Any, Any], T], probe: Probe | Answer, replied: Any) -> T:
    try:
        return parse(probe, replied)
    except (LookupError, TypeError, ValueError, AttributeError) as exc:
        raise ReplyUnusable("error", f"its answer is not vLLM's: {exc!r}") from exc


def read_answer(probe: Probe, replied: Any) -> Answer:
    choice = replied["choices"][0]
    message = choice.get("message")
    told = choice["logprobs"]
    each = (
        [token["logprob"] for token in told["content"]]
        if message is not None
        else told["token_logprobs"]
    )
    _require_finite(each)
    prompt_ids = replied["prompt_token_ids"] if message is not None else choice["prompt_token_ids"]
    return Answer(
        probe=probe.id,
        topic=probe.topic,
        prompt_ids=tuple(prompt_ids),
        token_ids=tuple(choice["token_ids"]),
        text=(message["content"] if message is not None else choice["text"]) or "",
        cut=choice["finish_reason"] == "length",
    )


def read_text(probe: Probe, replied: Any) -> ScoredText:
    return _scored(probe.id, probe.topic, "written", 1, replied)


def read_continued(answer: Answer, replied: Any) -> ScoredText:
    return _scored(answer.probe, answer.topic, "answer", len(answer.prompt_ids), replied)


def _scored(
    probe: str, topic: str, origin: Literal["written", "answer"], begin: int, replied: Any
) -> ScoredText:
    """The places from `begin` on: nothing comes before a first token that it could follow from."""
    choice = replied["choices"][0]
    ids = choice["prompt_token_ids"][begin:]
    places = choice["prompt_logprobs"][begin:]
    logprobs = [place[str(token)]["logprob"] for token, place in zip(ids, places, strict=True)]
    tops = [
        tuple((int(token), told["logprob"]) for token, told in place.items() if _is_top(told))
        for place in places
    ]
    _require_finite([*logprobs, *(value for top in tops for _, value in top)])
    return ScoredText(
        probe=probe,
        topic=topic,
        origin=origin,
        token_ids=tuple(ids),
        logprobs=tuple(logprobs),
        tops=tuple(tops),
    )


def _is_top(told: Any) -> bool:
    """The place's own token is returned as well, however unlikely."""
    return told["rank"] is not None and told["rank"] <= TOP_TOKENS


def _require_finite(logprobs: Sequence[float | None]) -> None:
    """vLLM clamps minus infinity to -9999, a number no sound model reaches."""
    wrong = [value for value in logprobs if value is None or not isfinite(value) or value <= -9999]
    if wrong:
        raise ReplyUnusable(
            "not_finite", f"{len(wrong)} of {len(logprobs)} log-probabilities, the first {wrong[0]}"
        )


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
