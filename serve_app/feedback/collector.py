"""Feedback on answers: whom it is about, handed to the desk, and back as beliefs to decide by."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import islice

from serve_app.classifier.heuristics import clipped
from serve_app.core.beliefs import Belief, Source
from serve_app.core.catalog import Catalog
from serve_app.core.cost import NO_USAGE, Usage
from serve_app.core.decision import Decision
from serve_app.core.errors import FeedbackConflict, FeedbackUnavailable, UnknownDecision
from serve_app.core.events import BeliefsChanged, FeedbackRefused, FeedbackTaken
from serve_app.core.feedback import Given, GradedRequest, Receipt, Served
from serve_app.core.ports import Clock, CurrentCatalog, Events, FeedbackDesk, GradedLog
from serve_app.core.request import Prompt
from serve_app.feedback.corrected_catalog import BelievedCatalog, Corrections
from serve_app.feedback.settings import FeedbackRules

EXCHANGE_EVERY_S = 0.5
# Sending what was served in a long outage all at once would hold up the answers of that moment.
TOLD_AT_ONCE = 1_000
LAST_EXCHANGE_S = 5.0
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """An answer of this replica; what only the log needs is empty without a log."""

    served: Served
    at_s: float
    digest: str
    prompt: str | None
    usage: Usage = NO_USAGE


class Feedback:
    """Remembers what this replica served, takes scores, and learns what the fleet was told.

    No request that is answered waits for the desk: `served` only remembers, and `run` exchanges
    in the background.
    """

    def __init__(
        self,
        *,
        desk: FeedbackDesk,
        published: CurrentCatalog,
        rules: FeedbackRules,
        clock: Clock,
        events: Events,
        log: GradedLog | None = None,
    ) -> None:
        self.catalogs = BelievedCatalog(published, rules.desk.fading)
        self._desk = desk
        self._rules = rules
        self._clock = clock
        self._events = events
        self._log = log
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._untold: deque[Served] = deque(maxlen=rules.desk.remember)
        self._believed: Corrections = {}
        self._lost = False
        self._unlogged: deque[GradedRequest] = deque(maxlen=rules.desk.remember)
        self._writing: asyncio.Future[None] | None = None

    @property
    def replicas(self) -> int:
        """How many ingress replicas the desk hears of."""
        return self.catalogs.news.replicas

    def served(
        self, decision: Decision, pair: str, catalog: Catalog | None, prompt: Prompt
    ) -> None:
        """Remembers an answer that has begun, so that it can be given a score from now on."""
        profile = catalog.profiles.get(pair) if catalog is not None else None
        served = Served(
            decision=decision.id,
            pair=pair,
            task=decision.features.judgement.task if decision.features is not None else None,
            measured=profile.provenance.date if profile is not None else "",
            replica=self._rules.replica,
        )
        text = _text(prompt) if self._log is not None else ""
        self._kept[decision.id] = _Kept(
            served=served,
            at_s=self._clock.now(),
            digest=sha256(text.encode(errors="replace")).hexdigest() if text else "",
            prompt=text if self._rules.keep_prompts else None,
        )
        self._untold.append(served)
        self._forget()

    def ended(self, decision: Decision, usage: Usage) -> None:
        """Adds what the engine counted."""
        kept = self._kept.get(decision.id)
        if kept is not None:
            self._kept[decision.id] = replace(kept, usage=usage)

    async def take(
        self, decision: str, score: float, source: Source = "caller", *, sureness: float = 1.0
    ) -> Receipt:
        """Counts a score. Raises `UnknownDecision`, `FeedbackConflict` or `FeedbackUnavailable`."""
        self._forget()
        kept = self._kept.get(decision)
        given = Given(decision=decision, source=source, score=score, sureness=sureness)
        try:
            receipt = await self._desk.take(given, kept.served if kept is not None else None)
        except FeedbackUnavailable:
            self._events.emit(FeedbackRefused(reason="unavailable"))
            raise
        if receipt.served is None:
            self._events.emit(FeedbackRefused(reason="unknown"))
            rules = self._rules.desk
            raise UnknownDecision(decision, rules.remember, rules.remember_s)
        if receipt.taken_as == "conflict":
            self._events.emit(FeedbackRefused(reason="conflict"))
            raise FeedbackConflict(decision, receipt.score or 0.0, score)
        if receipt.taken_as == "counted":
            self._events.emit(FeedbackTaken(pair=receipt.served.pair, source=source, score=score))
        return receipt

    def misused(self) -> None:
        """Counts feedback that was wrong in itself."""
        self._events.emit(FeedbackRefused(reason="bad_request"))

    def beliefs(self) -> tuple[Belief, ...]:
        """What is held of every pair and task that has feedback."""
        return self.catalogs.beliefs()

    async def run(
        self,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        last_exchange_s: float = LAST_EXCHANGE_S,
    ) -> None:
        """Exchanges with the desk until cancelled; while it is away, the last beliefs stay."""
        try:
            while True:
                await self._exchange_or_warn()
                await sleep(EXCHANGE_EVERY_S)
        finally:
            # What was served and scored since would be lost with this replica.
            with suppress(FeedbackUnavailable, TimeoutError):
                async with asyncio.timeout(last_exchange_s):
                    await self.exchange()
                    await self.logged()

    async def _exchange_or_warn(self) -> None:
        try:
            await self.exchange()
        except FeedbackUnavailable as exc:
            if not self._lost:
                logger.warning("%s", exc)
            self._lost = True
        else:
            self._lost = False

    async def exchange(self) -> None:
        """Tells the desk what was served since, and believes what it tells.

        Does not wait for the log, which may hang with its disk.
        """
        served = tuple(islice(self._untold, TOLD_AT_ONCE))
        known = self.catalogs.news
        news = await self._desk.exchange(self._rules.replica, served, known)
        # What was served meanwhile has come behind these, and may have pushed the first ones out.
        for told in served:
            if self._untold and self._untold[0] is told:
                self._untold.popleft()
        self.catalogs.learn(news)
        if known.desk and news.desk != known.desk:
            self._untold.extend(kept.served for kept in self._kept.values())
        catalog = self.catalogs.current
        if catalog is not None and catalog.corrections != self._believed:
            self._believed = catalog.corrections
            self._events.emit(BeliefsChanged(beliefs=self.beliefs()))
        graded = tuple(self._graded(news.given))
        if self._log is not None:
            self._unlogged.extend(graded)
            self._write(self._log)

    async def logged(self) -> None:
        """Waits until all scores heard of so far are written."""
        while self._log is not None and self._writing is not None:
            await asyncio.shield(self._writing)
            if not self._write(self._log):
                return

    def _write(self, log: GradedLog) -> bool:
        """Writes in the background what is to be logged; says whether there is a writing."""
        busy = self._writing is not None and not self._writing.done()
        if busy or not self._unlogged:
            return busy
        graded = tuple(self._unlogged)
        self._unlogged.clear()
        self._writing = asyncio.ensure_future(asyncio.to_thread(log.write, graded))
        return True

    def _graded(self, given: Iterable[Given]) -> Iterable[GradedRequest]:
        for each in given:
            kept = self._kept.get(each.decision)
            if kept is not None:
                served = replace(kept.served, given=(*kept.served.given, each))
                self._kept[each.decision] = replace(kept, served=served)
                yield GradedRequest(
                    given=each,
                    served=kept.served,
                    digest=kept.digest,
                    prompt=kept.prompt,
                    prompt_tokens=kept.usage.prompt_tokens,
                    completion_tokens=kept.usage.completion_tokens,
                )

    def _forget(self) -> None:
        rules, now_s = self._rules.desk, self._clock.now()
        while self._kept:
            young = now_s - next(iter(self._kept.values())).at_s <= rules.remember_s
            if young and len(self._kept) <= rules.remember:
                return
            self._kept.popitem(last=False)


def _text(prompt: Prompt) -> str:
    """The ends of a long prompt, as a classifier gets them."""
    ends = clipped(prompt)
    return f"{ends.context}\n\n{ends.text}" if ends.context else ends.text
