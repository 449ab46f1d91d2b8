"""Shadow grading: some answers are asked of the reference pair too, afterwards, and compared."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass

from serve_app.core.catalog import Catalog
from serve_app.core.cost import NO_USAGE
from serve_app.core.decision import RoutingResult
from serve_app.core.errors import RouterError
from serve_app.core.events import ShadowEnded, ShadowOutcome
from serve_app.core.fleet import LoadView, Pair
from serve_app.core.inference_request import Inbound, is_one_answer
from serve_app.core.ports import Clock, Engine, EngineCall, Events
from serve_app.core.predict import expected_usage
from serve_app.core.request import Features, Task
from serve_app.feedback.budget import Allowance
from serve_app.feedback.collector import Feedback
from serve_app.feedback.grading import Grade, compared, grade
from serve_app.feedback.settings import ShadowRules
from serve_app.feedback.transcript import Said, Transcript, said
from serve_app.state.ledger import Ledger
from serve_app.state.load import LoadTracker

UNCOMPARED = frozenset({"routing", "stream_options", "logprobs", "top_logprobs", "prompt_logprobs"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadowed:
    """An answer that was drawn, and all that is needed to grade it once `transcript` is filled."""

    decision: str
    pair: str
    features: Features
    catalog: Catalog
    call: EngineCall
    transcript: Transcript

    @property
    def task(self) -> Task:
        return self.features.judgement.task


class Shadow:
    """Draws answers, asks the reference pair in the background, hands scores to `Feedback`.

    Nothing here raises into a request, and none waits for it.
    """

    def __init__(
        self,
        *,
        rules: ShadowRules,
        pairs: Mapping[str, Pair],
        engine: Engine,
        feedback: Feedback,
        ledger: Ledger,
        load: LoadTracker,
        load_view: Callable[[], LoadView],
        clock: Clock,
        events: Events,
        chance: Callable[[], float],
    ) -> None:
        self._rules = rules
        self._reference = pairs[rules.reference]
        self._engine = engine
        self._feedback = feedback
        self._ledger = ledger
        self._load = load
        self._load_view = load_view
        self._events = events
        self._chance = chance
        self._allowance = Allowance(rules.usd_per_hour, clock, lambda: feedback.replicas)
        self._waiting: asyncio.Queue[Shadowed] = asyncio.Queue(rules.max_in_flight)

    def draw(self, inbound: Inbound, routing: RoutingResult, pair: str) -> Shadowed | None:
        """What is to be graded once it was given to its end; `None` for most answers."""
        if pair == self._reference.id or self._chance() >= self._rules.share:
            return None
        features, catalog = routing.decision.features, routing.catalog
        if features is None or catalog is None or not self._can_grade(pair, inbound, catalog):
            return None
        return Shadowed(
            decision=routing.decision.id,
            pair=pair,
            features=features,
            catalog=catalog,
            call=_unary(inbound, self._reference.id),
            transcript=Transcript(),
        )

    def offer(self, shadowed: Shadowed) -> None:
        """Takes an answer that was given to its end."""
        if not shadowed.transcript.is_whole:
            self._ended(shadowed.pair, "too_long")
            return
        try:
            self._waiting.put_nowait(shadowed)
        except asyncio.QueueFull:
            self._ended(shadowed.pair, "full")

    async def run(self) -> None:
        """Grades until cancelled; what is then in flight is given up and its slot freed."""
        async with asyncio.TaskGroup() as workers:
            for _ in range(self._rules.max_in_flight):
                workers.create_task(self._work())

    async def _work(self) -> None:
        while True:
            shadowed = await self._waiting.get()
            outcome, cost_usd = await self._grade(shadowed)
            self._ended(shadowed.pair, outcome, cost_usd)

    async def _grade(self, shadowed: Shadowed) -> tuple[ShadowOutcome, float]:
        if self._is_busy():
            return "busy", 0.0
        cost_usd = 0.0
        try:
            answer = await asyncio.to_thread(said, shadowed.transcript.texts)
            if not answer.is_whole:
                return "cut_off", 0.0
            predicted_usd = self._predicted_usd(shadowed)
            if not self._allowance.take(predicted_usd):
                return "over_budget", 0.0
            reference = await self._ask(shadowed.call)
            cost_usd = self._ledger.charge_shadow(
                self._reference.id, reference.usage, shadowed.catalog
            )
            if reference.usage != NO_USAGE:
                self._allowance.correct(predicted_usd, cost_usd)
            if not reference.is_whole or not reference.text.strip():
                return "cut_off", cost_usd
            grade = await asyncio.to_thread(self._graded, shadowed, answer, reference)
            await self._feedback.take(
                shadowed.decision, grade.score, "shadow", sureness=grade.sureness
            )
        except (RouterError, TimeoutError, ValueError):
            return "failed", cost_usd
        return "graded", cost_usd

    def _graded(self, shadowed: Shadowed, answer: Said, reference: Said) -> Grade:
        verdict = compared(shadowed.task, answer.text, reference.text)
        return grade(
            same=verdict.same,
            rates=verdict.rates,
            answer=_believed(shadowed, shadowed.pair),
            reference=_believed(shadowed, self._reference.id),
        )

    def _predicted_usd(self, shadowed: Shadowed) -> float:
        profile = shadowed.catalog.profiles[self._reference.id]
        added_tokens = shadowed.catalog.added_tokens.get(
            (profile.pair, shadowed.features.form), 0.0
        )
        usage = expected_usage(profile, shadowed.features, added_tokens)
        return shadowed.catalog.prices[profile.pair].cost_usd(usage)

    async def _ask(self, call: EngineCall) -> Said:
        pair = self._reference.id
        async with asyncio.timeout(self._rules.timeout_s):
            with self._load.counted(pair):
                async with aclosing(self._engine.answer(pair, call)) as engine_texts:
                    texts = tuple([text async for text in engine_texts])
        return await asyncio.to_thread(said, texts)

    def _is_busy(self) -> bool:
        """Grading must not make those wait who ask the reference pair for themselves."""
        load = self._load_view().get(self._reference.id)
        if load is None or not load.ready_replicas or load.breaker_open:
            return True
        slots = load.ready_replicas * self._reference.max_concurrency
        return load.in_flight >= self._rules.below_load * slots

    def _can_grade(self, pair: str, inbound: Inbound, catalog: Catalog) -> bool:
        return (
            {pair, self._reference.id} <= catalog.profiles.keys()
            and inbound.needs.keys() <= self._reference.capabilities
            and is_one_answer(inbound.body)
            # Else the prompt would count as words in common.
            and not inbound.body.get("echo")
        )

    def _ended(self, pair: str, outcome: ShadowOutcome, cost_usd: float = 0.0) -> None:
        self._events.emit(ShadowEnded(pair=pair, outcome=outcome, cost_usd=cost_usd))


def _unary(inbound: Inbound, pair: str) -> EngineCall:
    """The same request to another pair, as a whole answer without what nobody compares."""
    body = {name: value for name, value in inbound.body.items() if name not in UNCOMPARED}
    body |= {"model": pair, "stream": False}
    return EngineCall(
        operation=inbound.operation, body=body, request_id=f"{inbound.request_id}-shadow"
    )


def _believed(shadowed: Shadowed, pair: str) -> float:
    """How likely this pair is right at this task, by the rule of succession never quite 0 or 1."""
    accuracy = shadowed.catalog.profiles[pair].accuracy
    prior = accuracy.get(shadowed.task) or accuracy["overall"]
    correction = shadowed.catalog.corrections.get((pair, shadowed.task))
    mean = prior.mean if correction is None else prior.mean + correction.mean
    return (prior.items * min(max(mean, 0.0), 1.0) + 1) / (prior.items + 2)
