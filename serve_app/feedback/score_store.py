"""Scores, the answers they are about, and the one place of a fleet that counts them."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol
from uuid import uuid4

from serve_app.core.events import ScoreSource
from serve_app.core.request import Task
from serve_app.feedback.corrected_catalog import (
    DECAYED_WEIGHT,
    PairTask,
    ScoreTotals,
    SourceTotals,
)
from serve_app.settings import FeedbackSettings

ScoreStatus = Literal["counted", "repeated", "conflict", "unknown"]

MAX_UNCOLLECTED = 10_000
# A replica exchanges twice a second.
REPLICA_GONE_AFTER_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One score from 0 to 1 for one answer. `confidence` scales its weight (1 is certain)."""

    decision: str
    source: ScoreSource
    score: float
    confidence: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedAnswer:
    """Which pair answered a decision, for what task, by which profile, at which replica.

    `measured` is the date of the pair's profile, empty without one. `task` is `None` if routing
    failed. `scores` are those the replica knows of.
    """

    decision: str
    pair: str
    task: Task | None
    measured: str
    replica: str
    scores: tuple[Score, ...] = ()

    @property
    def pair_task(self) -> PairTask | None:
        if self.task is None:
            return None
        return PairTask(pair=self.pair, task=self.task, measured=self.measured)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreReceipt:
    """The status of a score. `score` is the one that counts, with the weight of `weight` items."""

    status: ScoreStatus
    served: ServedAnswer | None = None
    score: float | None = None
    weight: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackUpdate:
    """What a replica gets: all totals as of `now_s`, and uncollected scores of its answers.

    `store` changes when the store restarts. `replicas` is the number that exchange with it now.
    """

    store: str = ""
    now_s: float = 0.0
    totals: ScoreTotals = field(default_factory=dict)
    scores: tuple[Score, ...] = ()
    replicas: int = 1


class ScoreStore(Protocol):
    """The one place of a fleet that takes scores. Both methods raise `FeedbackUnavailable`."""

    async def exchange(
        self, replica: str, served: Sequence[ServedAnswer], known: FeedbackUpdate
    ) -> FeedbackUpdate:
        """Remembers what `replica` served. Returns all totals and new scores of its answers.

        `known` is the last update of the replica. A restarted store learns from it. A score that
        is not in it is sent again.
        """
        ...

    async def take(self, score: Score, served: ServedAnswer | None) -> ScoreReceipt:
        """Counts a score once. `served` is what the asking replica knows of the answer."""
        ...


class InMemoryScoreStore:
    """A `ScoreStore` in memory. Everything in it is bounded."""

    def __init__(self, settings: FeedbackSettings, now: Callable[[], float]) -> None:
        self._settings = settings
        self._now = now
        self._id = uuid4().hex
        self._answers: OrderedDict[str, tuple[float, ServedAnswer]] = OrderedDict()
        self._totals: dict[tuple[PairTask, ScoreSource], SourceTotals] = {}
        self._inherited: set[tuple[PairTask, ScoreSource]] = set()
        self._uncollected: deque[tuple[str, Score]] = deque(maxlen=MAX_UNCOLLECTED)
        self._replica_at_s: dict[str, float] = {}

    async def exchange(
        self, replica: str, served: Sequence[ServedAnswer], known: FeedbackUpdate
    ) -> FeedbackUpdate:
        now_s = self._now()
        for answer in served:
            self._remember(answer)
        if known.store == self._id:
            # An update may be lost. A score stays until its replica confirms it.
            collected = {(replica, score) for score in known.scores}
            waiting = [each for each in self._uncollected if each not in collected]
            self._uncollected = deque(waiting, maxlen=MAX_UNCOLLECTED)
        else:
            # The store before this one is gone. Its totals are taken over once.
            for key in known.totals.keys() - self._inherited:
                self._inherited.add(key)
                age_s = known.now_s - known.totals[key].at_s
                self._add(key, replace(known.totals[key], at_s=now_s - age_s))
        self._replica_at_s[replica] = now_s
        self._forget()
        return FeedbackUpdate(
            store=self._id,
            now_s=now_s,
            totals=dict(self._totals),
            scores=tuple(score for owner, score in self._uncollected if owner == replica),
            replicas=len(self._replica_at_s),
        )

    async def take(self, score: Score, served: ServedAnswer | None) -> ScoreReceipt:
        if served is not None:
            self._remember(served)
        self._forget()
        if score.decision not in self._answers:
            return ScoreReceipt(status="unknown")
        _, served = self._answers[score.decision]
        for before in served.scores:
            if before.source == score.source:
                status: ScoreStatus = "repeated" if before.score == score.score else "conflict"
                return ScoreReceipt(status=status, served=served, score=before.score)
        self._remember(replace(served, scores=(score,)))
        self._uncollected.append((served.replica, score))
        weight, key = 0.0, served.pair_task
        if key is not None:
            by_caller = score.source == "caller"
            full_weight = self._settings.weight if by_caller else self._settings.shadow_weight
            weight, now_s = full_weight * score.confidence, self._now()
            one = SourceTotals(weight=weight, score=weight * score.score, count=1, at_s=now_s)
            self._add((key, score.source), one)
        return ScoreReceipt(status="counted", served=served, score=score.score, weight=weight)

    def _add(self, key: tuple[PairTask, ScoreSource], totals: SourceTotals) -> None:
        self._totals[key] = self._totals.get(key, SourceTotals()).plus(totals, self._settings)

    def _remember(self, served: ServedAnswer) -> None:
        added_s, known = self._answers.get(served.decision, (self._now(), served))
        sources = {score.source for score in known.scores}
        added = tuple(score for score in served.scores if score.source not in sources)
        self._answers[served.decision] = added_s, replace(known, scores=known.scores + added)

    def _forget(self) -> None:
        """Drops answers over the bounds, faded totals, and replicas that are gone."""
        now_s = self._now()
        forget(self._answers, self._settings, now_s)
        self._totals = {
            key: totals
            for key, totals in self._totals.items()
            if totals.at(now_s, self._settings).weight >= DECAYED_WEIGHT
        }
        self._replica_at_s = {
            replica: at_s
            for replica, at_s in self._replica_at_s.items()
            if now_s - at_s <= REPLICA_GONE_AFTER_S
        }


def forget(
    answers: OrderedDict[str, tuple[float, Any]], settings: FeedbackSettings, now_s: float
) -> None:
    """Drops the oldest answers, by the time they were added and by number."""
    while answers:
        added_s, _ = next(iter(answers.values()))
        if now_s - added_s <= settings.retention_s and len(answers) <= settings.retention_count:
            return
        answers.popitem(last=False)
