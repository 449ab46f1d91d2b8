"""Remembers answers of this replica, takes scores, and learns the scores of the whole fleet."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from itertools import islice

from serve_app.classifier.heuristics import clipped
from serve_app.core.decision import RoutingResult
from serve_app.core.errors import FeedbackConflict, FeedbackUnavailable, UnknownDecision
from serve_app.core.events import AccuracyCorrected, FeedbackRefused, FeedbackTaken, ScoreSource
from serve_app.core.inference_request import InferenceRequest
from serve_app.core.ports import Clock, Events
from serve_app.core.profile import Correction
from serve_app.core.request import Task
from serve_app.feedback.corrected_catalog import AccuracyEstimate, corrected, estimates
from serve_app.feedback.graded_log import AnsweredRequest, FileGradedLog
from serve_app.feedback.score_store import (
    FeedbackUpdate,
    Score,
    ScoreReceipt,
    ScoreStore,
    ServedAnswer,
    forget,
)
from serve_app.settings import FeedbackSettings
from serve_app.state.live_catalog import LiveCatalog

EXCHANGE_EVERY_S = 0.5
# The answers of a long outage in one message would delay the requests of that moment.
MAX_SERVED_PER_EXCHANGE = 1_000
LAST_EXCHANGE_S = 5.0
MAX_WAITING_WRITES = 1_000
logger = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Feedback:
    """The feedback of one ingress replica. As an `AnswerListener` it remembers every answer.

    Answers do not wait for the store: `run` exchanges with it in the background.
    """

    store: ScoreStore
    catalog: LiveCatalog
    settings: FeedbackSettings
    replica: str
    clock: Clock
    events: Events
    log: FileGradedLog | None = None

    def __post_init__(self) -> None:
        self._answers: OrderedDict[str, tuple[float, AnsweredRequest]] = OrderedDict()
        self._unsent: deque[ServedAnswer] = deque(maxlen=self.settings.retention_count)
        self.update = FeedbackUpdate()
        self._corrections: Mapping[tuple[str, Task], Correction] = {}
        self._writer = ThreadPoolExecutor(1, "graded-log")
        self._writes: list[asyncio.Future[None]] = []

    def answered(
        self, request: InferenceRequest, routing: RoutingResult, pair: str
    ) -> AnsweredRequest:
        """Remembers an answer that has begun. It can be scored from now on."""
        decision, catalog = routing.decision, routing.catalog
        profile = catalog.profiles.get(pair) if catalog is not None else None
        served = ServedAnswer(
            decision=decision.id,
            pair=pair,
            task=decision.features.classification.task if decision.features is not None else None,
            measured=profile.provenance.date if profile is not None else "",
            replica=self.replica,
        )
        answer = AnsweredRequest(served=served)
        if self.log is not None:
            ends = clipped(request.prompt)
            text = f"{ends.context}\n\n{ends.text}" if ends.context else ends.text
            answer.digest = sha256(text.encode(errors="replace")).hexdigest() if text else ""
            answer.prompt = text if self.settings.log_prompts else None
        self._answers[decision.id] = self.clock.now(), answer
        self._unsent.append(served)
        forget(self._answers, self.settings, self.clock.now())
        return answer

    async def take(
        self, decision: str, score: float, source: ScoreSource = "caller", *, confidence: float = 1
    ) -> ScoreReceipt:
        """Counts a score. Raises `UnknownDecision`, `FeedbackConflict` or `FeedbackUnavailable`."""
        forget(self._answers, self.settings, self.clock.now())
        _, known = self._answers.get(decision, (0.0, None))
        given = Score(decision=decision, source=source, score=score, confidence=confidence)
        try:
            receipt = await self.store.take(given, known.served if known is not None else None)
        except FeedbackUnavailable:
            self.events.emit(FeedbackRefused(reason="unavailable"))
            raise
        if receipt.served is None:
            self.events.emit(FeedbackRefused(reason="unknown"))
            kept, kept_s = self.settings.retention_count, self.settings.retention_s
            raise UnknownDecision(decision, kept, kept_s)
        if receipt.status == "conflict":
            self.events.emit(FeedbackRefused(reason="conflict"))
            raise FeedbackConflict(decision, receipt.score or 0.0, score)
        if receipt.status == "counted":
            self.events.emit(FeedbackTaken(pair=receipt.served.pair, source=source, score=score))
        return receipt

    def estimates(self) -> tuple[AccuracyEstimate, ...]:
        """One for every pair and task with feedback."""
        catalog, update = self.catalog.current, self.update
        if catalog is None:
            return ()
        return estimates(catalog, update.totals, now_s=update.now_s, settings=self.settings)

    async def run(
        self,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        last_exchange_s: float = LAST_EXCHANGE_S,
    ) -> None:
        """Exchanges with the store until cancelled. In an outage the last update stays in use."""
        lost = False
        try:
            while True:
                try:
                    await self.exchange()
                    lost = False
                except FeedbackUnavailable as exc:
                    if not lost:
                        logger.warning("%s", exc)
                    lost = True
                await sleep(EXCHANGE_EVERY_S)
        finally:
            # Answers and scores since the last exchange would be lost with this replica.
            with suppress(FeedbackUnavailable, TimeoutError):
                async with asyncio.timeout(last_exchange_s):
                    await self.exchange()
                    await self.logged()

    async def exchange(self) -> None:
        """Sends new answers and learns the new totals. Does not wait for the log."""
        served, known = tuple(islice(self._unsent, MAX_SERVED_PER_EXCHANGE)), self.update
        self.update = update = await self.store.exchange(self.replica, served, known)
        # Answers of the meantime were appended, and may have pushed out the first ones.
        for sent in served:
            if self._unsent and self._unsent[0] is sent:
                self._unsent.popleft()
        if known.store and update.store != known.store:
            self._unsent.extend(answer.served for _, answer in self._answers.values())
        self.catalog.correct_by(
            partial(corrected, totals=update.totals, now_s=update.now_s, settings=self.settings)
        )
        corrections = self.catalog.current.corrections if self.catalog.current is not None else {}
        if corrections != self._corrections:
            self._corrections = corrections
            moved = {(each.pair, each.task): (each.mean, each.lower) for each in self.estimates()}
            self.events.emit(AccuracyCorrected(estimates=moved))
        scored = []
        for score in update.scores:
            if score.decision in self._answers:
                _, answer = self._answers[score.decision]
                answer.served = replace(answer.served, scores=(*answer.served.scores, score))
                scored.append((score, answer))
        # A thread writes: a disk that hangs may not delay the next exchange.
        self._writes = [write for write in self._writes if not write.done()]
        if self.log is not None and scored and len(self._writes) < MAX_WAITING_WRITES:
            loop = asyncio.get_running_loop()
            self._writes.append(loop.run_in_executor(self._writer, self.log.write, scored))

    async def logged(self) -> None:
        """Waits until all scores received so far are written."""
        await asyncio.gather(*self._writes)
