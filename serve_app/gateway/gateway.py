"""A request's life: route it, try the ranked pairs, pass the answer on, account for it."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import inf

from serve_app.core.catalog import Snapshot
from serve_app.core.decision import Decision, RoutingResult
from serve_app.core.errors import (
    EngineError,
    NotServed,
    RequestError,
    RouterError,
    UnknownModel,
)
from serve_app.core.events import RequestRejected, Routed
from serve_app.core.fleet import LoadView, Pair
from serve_app.core.inference_request import InferenceRequest
from serve_app.core.ports import Classifier, Clock, Engine, Events, TokenCounter
from serve_app.gateway.accounting import Accounting
from serve_app.gateway.answer import Answer
from serve_app.gateway.attempts import Attempts
from serve_app.gateway.features import FeatureReader
from serve_app.gateway.observers import AnswerListener, Observers
from serve_app.gateway.refusal import raise_if_refused, reject_reason_of
from serve_app.gateway.routing import Router
from serve_app.gateway.time_limit import limit_ms
from serve_app.settings import RoutingSettings
from serve_app.state.breakers import Breakers
from serve_app.state.ledger import Ledger
from serve_app.state.live_catalog import LiveCatalog
from serve_app.state.load import LoadTracker
from serve_app.state.poison import PoisonRecord
from serve_app.state.retry_budget import RetryBudget
from serve_app.state.silences import Silences
from serve_app.state.status import FleetStatus

RECENT_DECISIONS = 200


@dataclass(kw_only=True)
class Gateway:
    """Answers requests. Everything it needs from outside is a port.

    Decisions read `catalog`, and the usage of answers corrects it. `longest_answer_ms` bounds every
    answer, from its request's first byte to its last text.
    """

    pairs: Sequence[Pair]
    engine: Engine
    classifier: Classifier
    tokens: TokenCounter
    catalog: LiveCatalog
    load: LoadTracker
    settings: RoutingSettings
    clock: Clock
    events: Events
    ids: Callable[[], str]
    longest_answer_ms: float | None = None

    def __post_init__(self) -> None:
        self._pairs = {pair.id: pair for pair in self.pairs}
        breaker = self.settings.breaker
        self.breakers = Breakers(self._pairs, breaker, self.clock)
        self._recent: deque[Decision] = deque(maxlen=RECENT_DECISIONS)
        self.ledger = Ledger(self.settings.reference_pair)
        self._accounting = Accounting(self.ledger, self.clock, self.events)
        self._listeners: list[AnswerListener] = []
        self.status = FleetStatus(self.catalog, self.load_view, self.breakers)
        self._router = Router(
            features=FeatureReader(self.classifier, self.tokens),
            snapshots=self.catalog,
            load=self.load_view,
            first_token_deadline_ms=self.settings.first_token_deadline_ms,
            clock=self.clock,
            ids=self.ids,
        )
        self._attempts = Attempts(
            engine=self.engine,
            breakers=self.breakers,
            poison=PoisonRecord(self._pairs, breaker.failures_to_open),
            silences=Silences(self._pairs, self.clock),
            retries=RetryBudget(self.settings.retry_budget, self.clock),
            load=self.load,
            settings=self.settings,
            clock=self.clock,
            events=self.events,
        )

    def snapshot(self) -> Snapshot:
        """The catalog and the policy in use. A request keeps the one that it was read with."""
        return self.catalog.snapshot

    def load_view(self) -> LoadView:
        """What every pair is doing now, and where its breaker forbids attempts."""
        return self.breakers.merged_into(self.load.view())

    def recent_decisions(self) -> tuple[Decision, ...]:
        """The last decisions of this ingress replica, newest first."""
        return tuple(reversed(self._recent))

    def listen(self, listener: AnswerListener) -> None:
        """Notifies `listener` of every answer from now on."""
        self._listeners.append(listener)

    async def explain(self, request: InferenceRequest) -> RoutingResult:
        """Decides without serving. Raises `UnknownModel` and `NotServed`."""
        return await self._router.route(request)

    def count_rejected(self, error: RequestError) -> None:
        """Counts a request that is refused before it is routed."""
        self.events.emit(RequestRejected(reason=reject_reason_of(error)))

    @asynccontextmanager
    async def answer(self, request: InferenceRequest) -> AsyncIterator[Answer]:
        """Serves one request; leaving the block frees the engine's slot and closes the account.

        Raises `RequestError`s, `CapacityError`s, `EngineRejected` and `PoisonRequest`, all before
        the first token. Those raised after the request was routed name its decision.
        """
        limit = limit_ms(request, self.longest_answer_ms)
        ends_s = self.clock.now() + (limit - request.reading_ms) / 1e3
        try:
            routing = await self._router.route(request)
        except (UnknownModel, NotServed) as error:
            self.count_rejected(error)
            raise
        self._recent.append(routing.decision)
        self.events.emit(Routed(decision=routing.decision, overhead_ms=routing.overhead_ms))
        answer = Answer(request, routing)
        answer.limit_ms = limit
        try:
            with self._accounting.record(answer):
                decision, retry_after_s = routing.decision, self.settings.retry_after_s
                raise_if_refused(decision, request, self._pairs, retry_after_s)
                async with self._attempts.first_token(answer), self._observed(answer, routing):
                    if limit != inf:
                        answer.end_when(lambda: ends_s - self.clock.now())
                    yield answer
        except RouterError as error:
            error.decision_id = routing.decision.id
            raise

    @asynccontextmanager
    async def _observed(self, answer: Answer, routing: RoutingResult) -> AsyncIterator[None]:
        """Lets listeners observe an answer that has begun, and counts how it ended."""
        observers = Observers(self._listeners, answer.request, routing, answer.pair)
        answer.observer, whole = observers, False
        try:
            yield
            whole = answer.failure is None
        except EngineError as error:
            answer.failure = error
            raise
        finally:
            observers.ended(answer.usage, complete=whole)
            features = routing.decision.features
            self.catalog.counted(answer.request, features, answer.pair, answer.usage)
            self._attempts.ended(answer, whole=whole)
