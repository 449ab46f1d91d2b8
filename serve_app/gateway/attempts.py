"""Walks the ranked pairs until one gives a first token; after that nothing is retried.

A pair may keep a request waiting only so long while another could be tried. `core.faults` decides
what follows from an attempt that gave nothing. Retries of all requests have a budget.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field

from serve_app.core.decision import Candidate
from serve_app.core.errors import (
    DeadlineExceeded,
    EngineError,
    EngineFailed,
    EngineLate,
    EngineSilent,
    Overloaded,
    PoisonRequest,
)
from serve_app.core.events import AttemptFailed, PoisonFound, RetryBudgetSpent
from serve_app.core.faults import CONSEQUENCES, FaultKind, kind_of
from serve_app.core.inference_request import LIMIT_FIELDS, TYPED_STREAMS, InferenceRequest
from serve_app.core.ports import Clock, Engine, EngineCall, Events, Placement
from serve_app.gateway.answer import Answer
from serve_app.gateway.attempt_time import attempt_limit_s, attempt_timeout_s, predicted_need_s
from serve_app.gateway.first_token import from_first_token
from serve_app.gateway.refusal import may_serve_later
from serve_app.settings import RoutingSettings
from serve_app.state.breakers import Attempt, Breakers
from serve_app.state.load import LoadTracker
from serve_app.state.poison import PoisonRecord
from serve_app.state.retry_budget import RetryBudget
from serve_app.state.silences import Silences


@dataclass(slots=True)
class _Walk:
    """One request's way along the ranked pairs: its attempts, and what came of them."""

    deadline: asyncio.Timeout
    tried: list[_Try] = field(default_factory=list)
    broke: dict[str, tuple[Attempt, EngineFailed]] = field(default_factory=dict)
    refusals: list[EngineError] = field(default_factory=list)

    @property
    def attempts(self) -> int:
        """A pair that cannot serve the request at all takes no attempt from the others."""
        return len(self.tried) - len(self.refusals)

    @property
    def left_s(self) -> float:
        """Seconds until the deadline of the request."""
        when_s = self.deadline.when()
        return 0.0 if when_s is None else when_s - asyncio.get_running_loop().time()


@dataclass(frozen=True, slots=True)
class _Try:
    """An attempt under way.

    `limit_s` ends it, if set. A silence of `silent_after_s` shows that its replica makes no
    progress, and `None` that no silence of it shows that.
    """

    attempt: Attempt
    limit_s: float | None
    silent_after_s: float | None

    @property
    def pair(self) -> str:
        return self.attempt.pair


@dataclass(frozen=True, slots=True)
class Attempts:
    """Tries pairs in a decision's order."""

    engine: Engine
    breakers: Breakers
    poison: PoisonRecord
    silences: Silences
    retries: RetryBudget
    load: LoadTracker
    settings: RoutingSettings
    clock: Clock
    events: Events

    @asynccontextmanager
    async def first_token(self, answer: Answer) -> AsyncIterator[None]:
        """Begins `answer` with the first pair that gives a token.

        Leaving the block frees the engine's slot.

        The deadline counts from the request's first byte. Raises `EngineRejected` when the request
        is wrong or no pair can serve it, `PoisonRequest` when it broke two pairs, `Overloaded` when
        every pair failed or the retry budget is spent, `DeadlineExceeded` when none answered in
        time.
        """
        deadline_ms = min(self.settings.first_token_deadline_ms, answer.limit_ms)
        left_ms = deadline_ms - answer.request.reading_ms - answer.overhead_ms
        if left_ms <= 0.0:
            raise DeadlineExceeded(deadline_ms, ())
        self.retries.count_request()
        walk = _Walk(asyncio.timeout(left_ms / 1e3))
        async with AsyncExitStack() as resources:
            try:
                async with walk.deadline:
                    await self._walk(answer, resources, walk)
            except TimeoutError as exc:
                late = DeadlineExceeded(deadline_ms, tuple(each.pair for each in walk.tried))
                last = walk.tried[-1]
                silent = self._is_silent(last.attempt, last.attempt.began_s, last.silent_after_s)
                self._note(last.attempt, "broken" if silent else "late", str(late))
                if silent:
                    self.breakers.failed(last.attempt)
                raise late from exc
            finally:
                # Poison leaves no pair here. Until now it was not known if this request is one.
                for attempt, _ in walk.broke.values():
                    self.breakers.failed(attempt)
            yield

    def ended(self, answer: Answer, *, whole: bool) -> None:
        """Counts how an answer ended that had begun. A caller who left shows nothing."""
        if answer.attempt is None:
            return
        if whole:
            self.breakers.succeeded(answer.attempt)
            self.poison.answered(answer.pair)
        elif answer.failure is not None and CONSEQUENCES[kind_of(answer.failure)].counts:
            self.breakers.failed(answer.attempt)

    async def _walk(self, answer: Answer, resources: AsyncExitStack, walk: _Walk) -> None:
        untried, skipped = list(answer.decision.candidates), False
        while untried and walk.attempts < self.settings.max_attempts:
            candidate = untried.pop(0)
            if not self.breakers.allows(candidate.pair):
                skipped = True
                continue
            if walk.attempts:
                self._retry(answer, walk)
            current = self._begin(candidate, untried, answer, walk)
            try:
                texts = await self._attempt(current, candidate, answer.request, resources)
            except EngineError as error:
                self._failed(current.attempt, error, answer, walk)
            else:
                answer.attempt = current.attempt
                answer.begin(candidate.pair, texts, now_s=self.clock.now())
                return
        only_refusals = len(walk.refusals) == len(walk.tried)
        if walk.refusals and only_refusals and not (skipped or may_serve_later(answer.decision)):
            raise walk.refusals[0]
        why = "no pair may be tried now: recent attempts at every pair failed"
        if answer.failures:
            why = "no pair could answer: " + "; ".join(str(error) for error in answer.failures)
        raise Overloaded(why, self.settings.retry_after_s)

    def _retry(self, answer: Answer, walk: _Walk) -> None:
        """Counts one attempt more. Raises the last error when there may be none."""
        if not self.retries.is_spent():
            self.retries.count_retry()
            return
        self.events.emit(RetryBudgetSpent(pair=walk.tried[-1].pair))
        why = f"{answer.failures[-1]}; no other pair is tried, because the retry budget is spent"
        raise Overloaded(why, self.settings.retry_after_s)

    def _begin(
        self, candidate: Candidate, others: list[Candidate], answer: Answer, walk: _Walk
    ) -> _Try:
        """Begins an attempt. It has all the time that is left if no other pair may be tried."""
        catalog, request, settings = answer.catalog, answer.request, self.settings
        profile = catalog.profiles.get(candidate.pair) if catalog is not None else None
        timeout_s = attempt_timeout_s(candidate, profile, settings, request)
        need_s = predicted_need_s(candidate, profile, request)
        attempt = self.breakers.begin(candidate.pair)
        silent_after_s, limit_s = timeout_s, None
        if request.stream:
            least_ms = min(settings.attempt_timeout_min_ms, settings.first_token_deadline_ms / 2)
            # A long prompt keeps an engine busy before its first token.
            silent_after_s = max(least_ms / 1e3, need_s or 0.0)
        more = walk.attempts + 1 < settings.max_attempts and not self.retries.is_spent()
        if more and any(self.breakers.allows(other.pair) for other in others):
            limit_s = attempt_limit_s(timeout_s, need_s, walk.left_s, settings)
        walk.tried.append(_Try(attempt, limit_s, silent_after_s))
        return walk.tried[-1]

    def _failed(self, attempt: Attempt, error: EngineError, answer: Answer, walk: _Walk) -> None:
        """Takes one attempt's error. Raises what ends the walk."""
        kind = kind_of(error)
        if not CONSEQUENCES[kind].next_pair:
            raise error
        self._note(attempt, kind, str(error))
        answer.failures.append(error)
        if kind == "pair":
            walk.refusals.append(error)
        elif isinstance(error, EngineSilent):
            # All requests at the replica wait, not this one alone.
            self.breakers.failed(attempt)
        elif isinstance(error, EngineFailed):
            walk.broke[attempt.pair] = attempt, error
            if len(walk.broke) > 1:
                self._raise_if_poison(answer, walk)

    def _raise_if_poison(self, answer: Answer, walk: _Walk) -> None:
        pairs = tuple(walk.broke)
        if not self.poison.is_to_blame(hash(repr(answer.request.body)), pairs):
            return
        poison = PoisonRequest(pairs, tuple(error.cause for _, error in walk.broke.values()))
        walk.broke.clear()
        self.events.emit(PoisonFound(decision=answer.decision.id, pairs=pairs, detail=str(poison)))
        raise poison

    async def _attempt(
        self,
        current: _Try,
        candidate: Candidate,
        request: InferenceRequest,
        resources: AsyncExitStack,
    ) -> AsyncGenerator[str, None]:
        attempt, pair = current.attempt, current.pair
        async with AsyncExitStack() as slot:
            slot.enter_context(self.load.counted(pair, request.sequences))
            call = _engine_call(request, candidate, attempt.placement)
            texts = await slot.enter_async_context(
                aclosing(from_first_token(pair, call, self.engine.answer(pair, call)))
            )
            given = False
            try:
                text = await self._next(attempt, texts, current.limit_s)
                if text is None:
                    raise EngineFailed(pair, "it ended without an answer")
                given = True
            except TimeoutError:
                raise self._late(current, "it gave nothing in time", attempt.began_s) from None
            finally:
                # A probe that breaks is counted later. Until then another may probe.
                if not given:
                    self.breakers.released(attempt)
            self.breakers.gave_first_token(attempt)
            resources.push_async_exit(slot.pop_all())
            return self._unstalled(current, text, texts)

    async def _next(
        self, attempt: Attempt, texts: AsyncGenerator[str, None], limit_s: float | None
    ) -> str | None:
        """The next text of `texts`, `None` at the end. Raises `TimeoutError`."""
        async with asyncio.timeout(limit_s):
            text = await anext(texts, None)
        self.silences.restart(attempt.pair, attempt.placement.replica)
        return text

    async def _unstalled(
        self, current: _Try, first: str, texts: AsyncGenerator[str, None]
    ) -> AsyncGenerator[str, None]:
        """`first` and the other texts, each of them within the deadline of a first token."""
        yield first
        limit_s = self.settings.first_token_deadline_ms / 1e3
        while True:
            waits_since_s = self.clock.now()
            try:
                text = await self._next(current.attempt, texts, limit_s)
            except TimeoutError as exc:
                silence = f"it gave nothing for {limit_s:g} s in the middle of its answer"
                raise self._late(current, silence, waits_since_s) from exc
            if text is None:
                return
            yield text

    def _late(self, current: _Try, cause: str, since_s: float) -> EngineLate | EngineSilent:
        if self._is_silent(current.attempt, since_s, current.silent_after_s):
            return EngineSilent(current.pair, f"{cause}, and no other request got anything from it")
        return EngineLate(current.pair, cause)

    def _is_silent(self, attempt: Attempt, since_s: float, after_s: float | None) -> bool:
        """Whether the engine makes no progress. A silence is counted once.

        The attempt has waited for long enough, and its replica gave nothing to any request. A
        request that no replica has taken yet shows nothing, and neither does a pair that starts.
        """
        pair, placement = attempt.pair, attempt.placement
        if after_s is None or (placement.live and placement.replica is None):
            return False
        if self.silences.seconds(pair, placement.replica, since_s) < after_s:
            return False
        if not self.load.view()[pair].ready_replicas:
            return False
        self.silences.restart(pair, placement.replica)
        return True

    def _note(self, attempt: Attempt, kind: FaultKind, detail: str) -> None:
        elapsed_ms = (self.clock.now() - attempt.began_s) * 1e3
        self.events.emit(
            AttemptFailed(pair=attempt.pair, reason=kind, detail=detail, elapsed_ms=elapsed_ms)
        )


def _engine_call(
    request: InferenceRequest, candidate: Candidate, placement: Placement
) -> EngineCall:
    """The caller's request without `routing`, to the pair by its name, with the pair's limit.

    A stream ends with usage, which the router needs to bill it.
    """
    body = {name: value for name, value in request.body.items() if name != "routing"}
    body["model"] = candidate.pair
    if candidate.default_max_tokens is not None:
        limit = request.max_tokens_with(candidate.default_max_tokens)
        body[LIMIT_FIELDS[request.operation]] = limit
    if request.stream and request.operation not in TYPED_STREAMS:
        options = body.get("stream_options") or {}
        if not options.get("include_usage"):
            # Without include_usage an engine ignores continuous_usage_stats. With it, the option
            # would take effect.
            kept = {k: v for k, v in options.items() if k != "continuous_usage_stats"}
            options = {**kept, "include_usage": True}
        body["stream_options"] = options
    return EngineCall(
        operation=request.operation,
        body=body,
        request_id=request.request_id,
        placement=placement,
    )
