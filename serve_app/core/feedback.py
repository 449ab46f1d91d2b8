"""What is said of an answer after it was given, and whom it is about. No clock, no storage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from serve_app.core.beliefs import Source, Subject, Tally
from serve_app.core.request import Task

TakenAs = Literal["counted", "repeated", "conflict", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One score from 0 to 1 for the answer of one decision.

    `sureness` is how much of knowing it for sure that is: the share of the weight that counts.
    """

    decision: str
    source: Source
    score: float
    sureness: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One answered request: who served it, at what task, by which profile, at which replica.

    `measured` is the date of the pair's profile, empty without one; `task` is `None` where
    routing had failed and nobody judged the prompt. `given` are the scores it is known to have.
    """

    decision: str
    pair: str
    task: Task | None
    measured: str
    replica: str
    given: tuple[Given, ...] = ()

    @property
    def subject(self) -> Subject | None:
        """What a score of this answer tells about."""
        if self.task is None:
            return None
        return Subject(pair=self.pair, task=self.task, measured=self.measured)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of a score: `counted` once, `repeated` without effect, or not taken.

    `score` is the one that counts for this decision and source; `weight` is what it weighs
    against one item of a profile.
    """

    taken_as: TakenAs
    served: Served | None = None
    score: float | None = None
    weight: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What the desk tells a replica: all tallies as of `now_s`, and new scores of its answers.

    `desk` is another name than before when the desk began anew. `replicas` is how many exchange
    with it now.
    """

    desk: str = ""
    now_s: float = 0.0
    tallies: Mapping[Subject, Tally] = field(default_factory=dict)
    given: tuple[Given, ...] = ()
    replicas: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class GradedRequest:
    """A request with its score, as it is kept to learn from; `prompt` only where that is wanted."""

    given: Given
    served: Served
    digest: str
    prompt: str | None
    prompt_tokens: int
    completion_tokens: int
