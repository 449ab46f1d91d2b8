"""What an engine said to the golden probes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Top = tuple[tuple[int, float], ...]
TroubleKind = Literal["not_finite", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredText:
    """Every token but the first of a text: its log-probability and the likeliest tokens there.

    `origin` tells texts written by people from answers of the parent, continued token by token.
    """

    probe: str
    topic: str
    origin: Literal["written", "answer"]
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    tops: tuple[Top, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A greedy answer, and the tokens that the engine made of its prompt."""

    probe: str
    topic: str
    prompt_ids: tuple[int, ...]
    token_ids: tuple[int, ...]
    text: str
    cut: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A probe without a result: the engine gave a number that is none, or an error."""

    probe: str
    topic: str
    kind: TroubleKind
    told: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """Everything an engine said to the golden probes."""

    texts: tuple[ScoredText, ...]
    answers: tuple[Answer, ...]
    troubles: tuple[Trouble, ...]
