"""Reads vLLM's replies: which token got which log-probability, and what is no number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any, Literal, TypeVar

from profiles.validation.probe_results import Answer, ScoredText, TroubleKind
from profiles.validation.probe_set import Probe

T = TypeVar("T")

# How many of the likeliest tokens are compared at each place.
TOP_TOKENS = 8


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
    """The place's own token is told as well, however unlikely."""
    return told["rank"] is not None and told["rank"] <= TOP_TOKENS


def _require_finite(logprobs: Sequence[float | None]) -> None:
    """vLLM clamps minus infinity to -9999, a number no sound model reaches."""
    wrong = [value for value in logprobs if value is None or not isfinite(value) or value <= -9999]
    if wrong:
        raise ReplyUnusable(
            "not_finite", f"{len(wrong)} of {len(logprobs)} log-probabilities, the first {wrong[0]}"
        )
