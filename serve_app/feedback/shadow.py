"""Shadow grading: asks the reference pair for some answers too, later, and compares both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field

from serve_app.background import keep_running
from serve_app.core.catalog import Catalog
from serve_app.core.cost import NO_USAGE, SECONDS_PER_HOUR, Usage
from serve_app.core.decision import RoutingResult
from serve_app.core.errors import RouterError
from serve_app.core.events import ShadowEnded, ShadowOutcome
from serve_app.core.fleet import LoadView, Pair
from serve_app.core.inference_request import InferenceRequest, is_one_answer
from serve_app.core.ports import Clock, Engine, EngineCall, Events, Operation
from serve_app.core.predict import default_limit, expected_usage
from serve_app.core.request import Features
from serve_app.feedback.collector import Feedback
from serve_app.feedback.grading import compare_answers, grade, parse_answer
from serve_app.settings import ShadowSettings
from serve_app.state.ledger import Ledger
from serve_app.state.load import LoadTracker

# About 4,000 tokens of a stream: every chunk repeats its frame.
MAX_CHARS = 1_000_000
# The share of an hour's budget that may be saved up, so that a pause does not end in a burst.
SAVED_HOURS = 0.1
# `parse_answer` reads the forms of these.
COMPARED: frozenset[Operation] = frozenset({"chat", "completions"})
UNCOMPARED = frozenset({"routing", "stream_options", "logprobs", "top_logprobs", "prompt_logprobs"})


@dataclass
class HourlyBudget:
    """A budget in USD as a token bucket that fills steadily from zero.

    `sharers` is how many replicas share it now, in equal parts.
    """

    usd_per_hour: float
    clock: Clock
    sharers: Callable[[], int]

    def __post_init__(self) -> None:
        self._left_usd, self._at_s = 0.0, self.clock.now()

    def take(self, usd: float) -> bool:
        """Takes `usd`, or nothing if less is left."""
        now_s, usd_per_hour = self.clock.now(), self.usd_per_hour / self.sharers()
        filled_usd = self._left_usd + (now_s - self._at_s) / SECONDS_PER_HOUR * usd_per_hour
        self._left_usd = min(usd_per_hour * SAVED_HOURS, filled_usd)
        self._at_s = now_s
        if usd > self._left_usd:
            return False
        self._left_usd -= usd
        return True

    def correct(self, predicted_usd: float, actual_usd: float) -> None:
        """Replaces a predicted cost by the actual one. A debt is paid before the next `take`."""
        self._left_usd += predicted_usd - actual_usd


@dataclass(slots=True, kw_only=True)
class DrawnAnswer:
    """An answer to grade. As an `AnswerObserver` it keeps the texts, unless they grow too long.

    `expected` is what the reference pair's answer would use.
    """

    decision: str
    pair: str
    features: Features
    catalog: Catalog
    call: EngineCall
    expected: Usage
    shadow: Shadow
    texts: list[str] = field(default_factory=list)
    chars: int = 0

    def text(self, text: str) -> None:
        self.chars += len(text)
        if self.chars <= MAX_CHARS:
            self.texts.append(text)
        else:
            self.texts.clear()

    def ended(self, usage: Usage, *, complete: bool) -> None:
        if complete:
            self.shadow.completed(self)

    def estimate(self, pair: str) -> float:
        """The probability that `pair` is right, by the rule of succession never 0 or 1."""
        task, accuracy = self.features.classification.task, self.catalog.profiles[pair].accuracy
        prior = accuracy.get(task) or accuracy["overall"]
        correction = self.catalog.corrections.get((pair, task))
        mean = prior.mean if correction is None else prior.mean + correction.mean
        return (prior.items * min(max(mean, 0.0), 1.0) + 1) / (prior.items + 2)


@dataclass(kw_only=True)
class Shadow:
    """Draws answers as an `AnswerListener`, grades them in `run`, and gives `feedback` scores."""

    settings: ShadowSettings
    reference: Pair
    engine: Engine
    feedback: Feedback
    ledger: Ledger
    load: LoadTracker
    load_view: Callable[[], LoadView]
    clock: Clock
    events: Events
    chance: Callable[[], float]

    def __post_init__(self) -> None:
        usd_per_hour, sharers = self.settings.usd_per_hour, lambda: self.feedback.update.replicas
        self._budget = HourlyBudget(usd_per_hour, self.clock, sharers)
        self._waiting: asyncio.Queue[DrawnAnswer] = asyncio.Queue(self.settings.max_in_flight)

    def answered(
        self, request: InferenceRequest, routing: RoutingResult, pair: str
    ) -> DrawnAnswer | None:
        """Draws the answer, or returns `None`."""
        features, catalog = routing.decision.features, routing.catalog
        if pair == self.reference.id or self.chance() >= self.settings.share:
            return None
        # With the limit on answers that the policy of this request gives it.
        reference = routing.snapshot.policy.applied_to(self.reference)
        if reference.id in routing.snapshot.policy.switched_off:
            return None
        if features is None or catalog is None or not is_one_answer(request.body):
            return None
        if request.operation not in COMPARED:
            return None
        can_compare = {pair, reference.id} <= catalog.profiles.keys()
        can_answer = request.needs.keys() <= reference.capabilities
        # The words of an echoed prompt would count as common words.
        if not can_compare or not can_answer or request.body.get("echo"):
            return None
        body = {name: value for name, value in request.body.items() if name not in UNCOMPARED}
        added_tokens = catalog.added_tokens.get((reference.id, features.form), 0.0)
        expected = expected_usage(catalog.profiles[reference.id], features, added_tokens, reference)
        # The decision may have rejected the reference pair, so its limit is not there.
        default = default_limit(reference, features, expected.prompt_tokens)
        if default is not None:
            body["max_tokens"] = request.max_tokens_with(default)
        call = EngineCall(
            operation=request.operation,
            body={**body, "model": reference.id, "stream": False},
            request_id=f"{request.request_id}-shadow",
        )
        return DrawnAnswer(
            decision=routing.decision.id,
            pair=pair,
            features=features,
            catalog=catalog,
            call=call,
            expected=expected,
            shadow=self,
        )

    async def run(self) -> None:
        """Grades until cancelled. An answer in flight is then given up, and its slot is free."""

        async def work() -> None:
            while True:
                drawn = await self._waiting.get()
                self._ended(drawn, *await self._grade(drawn))

        async with asyncio.TaskGroup() as workers:
            for _ in range(self.settings.max_in_flight):
                workers.create_task(keep_running("shadow grading", work))

    def completed(self, drawn: DrawnAnswer) -> None:
        """Lets a whole answer wait for its grade."""
        if drawn.chars > MAX_CHARS:
            self._ended(drawn, "too_long")
        elif self._waiting.full():
            self._ended(drawn, "full")
        else:
            self._waiting.put_nowait(drawn)

    async def _grade(self, drawn: DrawnAnswer) -> tuple[ShadowOutcome, float]:
        if self._is_busy():
            return "busy", 0.0
        cost_usd, pair = 0.0, self.reference.id
        catalog, features = drawn.catalog, drawn.features
        try:
            answer = await asyncio.to_thread(parse_answer, drawn.texts)
            if not answer.is_complete:
                return "cut_off", 0.0
            predicted_usd = catalog.prices[pair].cost_usd(drawn.expected)
            if not self._budget.take(predicted_usd):
                return "over_budget", 0.0
            with self.load.counted(pair):
                async with (
                    asyncio.timeout(self.settings.timeout_s),
                    aclosing(self.engine.answer(pair, drawn.call)) as engine_texts,
                ):
                    texts = [text async for text in engine_texts]
            reference = await asyncio.to_thread(parse_answer, texts)
            cost_usd = self.ledger.charge_shadow(pair, reference.usage, catalog)
            if reference.usage != NO_USAGE:
                self._budget.correct(predicted_usd, cost_usd)
            if not reference.is_complete or not reference.text.strip():
                return "cut_off", cost_usd
            task = features.classification.task
            comparison = await asyncio.to_thread(compare_answers, task, answer.text, reference.text)
            graded = grade(
                comparison, answer=drawn.estimate(drawn.pair), reference=drawn.estimate(pair)
            )
            await self.feedback.take(
                drawn.decision, graded.score, "shadow", confidence=graded.confidence
            )
        except (RouterError, TimeoutError, ValueError):
            return "failed", cost_usd
        return "graded", cost_usd

    def _is_busy(self) -> bool:
        """Whether grading could delay requests to the reference pair."""
        load = self.load_view().get(self.reference.id)
        if load is None or not load.ready_replicas or load.breaker_open:
            return True
        slots = load.ready_replicas * self.reference.max_concurrency
        return load.in_flight >= self.settings.max_reference_load * slots

    def _ended(self, drawn: DrawnAnswer, outcome: ShadowOutcome, cost_usd: float = 0.0) -> None:
        self.events.emit(ShadowEnded(pair=drawn.pair, outcome=outcome, cost_usd=cost_usd))
