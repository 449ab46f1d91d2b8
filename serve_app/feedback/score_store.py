"""The one place of a fleet that takes scores: who served what, what was said of it, all tallies."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from uuid import uuid4

from serve_app.core.beliefs import FADED_WEIGHT, Source, Subject, Tally
from serve_app.core.feedback import Given, News, Receipt, Served
from serve_app.feedback.settings import DeskSettings

# Only a replica that is gone leaves this many scores uncollected, or is one of so many.
WAITING_NEWS = 10_000
REPLICAS_WITH_NEWS = 256
# A replica exchanges twice a second.
REPLICA_GONE_AFTER_S = 10.0


@dataclass(slots=True)
class _Remembered:
    served: Served
    at_s: float
    scores: dict[Source, float] = field(default_factory=dict)


class MemoryDesk:
    """A `FeedbackDesk` that counts each score once. All is in memory, and bounded."""

    def __init__(self, settings: DeskSettings, now: Callable[[], float]) -> None:
        self._settings = settings
        self._now = now
        self._name = uuid4().hex
        self._answers: OrderedDict[str, _Remembered] = OrderedDict()
        self._tallies: dict[Subject, Tally] = {}
        self._inherited: set[Subject] = set()
        self._news: defaultdict[str, deque[Given]] = defaultdict(lambda: deque(maxlen=WAITING_NEWS))
        self._seen_s: dict[str, float] = {}

    async def exchange(self, replica: str, served: Iterable[Served], known: News) -> News:
        """Remembers what `replica` served, and tells it what is new."""
        for answer in served:
            self._remember(answer)
        if known.desk == self._name:
            self._drop_heard(replica, known.given)
        else:
            self._inherit(known)
        self._forget()
        self._seen_s[replica] = self._now()
        return News(
            desk=self._name,
            now_s=self._now(),
            tallies=dict(self._tallies),
            given=tuple(self._news.get(replica, ())),
            replicas=len(self._seen_s),
        )

    async def take(self, given: Given, served: Served | None) -> Receipt:
        """Counts a score; `served` is what the replica that asks knows of the decision itself."""
        if served is not None:
            self._remember(served)
        self._forget()
        known = self._answers.get(given.decision)
        if known is None:
            return Receipt(taken_as="unknown")
        before = known.scores.get(given.source)
        if before is not None:
            same = before == given.score
            return Receipt(
                taken_as="repeated" if same else "conflict", served=known.served, score=before
            )
        known.scores[given.source] = given.score
        weight = self._count(known.served, given)
        self._news[known.served.replica].append(given)
        if len(self._news) > REPLICAS_WITH_NEWS:
            del self._news[next(iter(self._news))]
        return Receipt(taken_as="counted", served=known.served, score=given.score, weight=weight)

    def _count(self, served: Served, given: Given) -> float:
        subject, settings = served.subject, self._settings
        weight = settings.caller_weight if given.source == "caller" else settings.shadow_weight
        weight *= given.sureness
        if subject is None or weight <= 0:
            return 0.0
        self._add(
            subject,
            Tally.of(given.score, weight=weight, source=given.source, now_s=self._now()),
        )
        return weight

    def _add(self, subject: Subject, tally: Tally) -> None:
        known = self._tallies.get(subject)
        fading = self._settings.fading
        self._tallies[subject] = tally if known is None else known.plus(tally, fading)

    def _inherit(self, known: News) -> None:
        """Takes over, once, what only the fleet remembers: the desk before this one has died."""
        for subject, tally in known.tallies.items():
            if subject not in self._inherited:
                self._inherited.add(subject)
                age_s = known.now_s - tally.at_s
                self._add(subject, replace(tally, at_s=self._now() - age_s))

    def _drop_heard(self, replica: str, heard: Iterable[Given]) -> None:
        """Scores stay until the replica has confirmed them: an answer may be lost."""
        if replica not in self._news:
            return
        known = set(heard)
        waiting = [given for given in self._news[replica] if given not in known]
        if waiting:
            self._news[replica] = deque(waiting, maxlen=WAITING_NEWS)
        else:
            del self._news[replica]

    def _remember(self, served: Served) -> None:
        answer = self._answers.setdefault(served.decision, _Remembered(served, self._now()))
        for given in served.given:
            answer.scores.setdefault(given.source, given.score)

    def _forget(self) -> None:
        """The oldest answers over the bounds, tallies that have faded, replicas that are gone."""
        now_s, settings = self._now(), self._settings
        while self._answers:
            oldest = next(iter(self._answers.values()))
            young = now_s - oldest.at_s <= settings.remember_s
            if young and len(self._answers) <= settings.remember:
                break
            self._answers.popitem(last=False)
        for subject, tally in list(self._tallies.items()):
            if tally.weight_at(now_s, settings.fading) < FADED_WEIGHT:
                del self._tallies[subject]
        for replica, seen_s in list(self._seen_s.items()):
            if now_s - seen_s > REPLICA_GONE_AFTER_S:
                del self._seen_s[replica]
