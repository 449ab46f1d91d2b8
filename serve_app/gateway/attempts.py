"""Walks the ranked pairs until one gives a first token; after that nothing is retried.

A pair may keep a request waiting only so long while another could be tried. `core.faults` decides
what follows from an attempt that gave nothing.
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
from serve_app.core.events import AttemptFailed, PoisonFound
from serve_app.core.faults import CONSEQUENCES, FaultKind, kind_of
from serve_app.core.inference_request import InferenceRequest, is_one_answer
from serve_app.core.ports import Clock, Engine, EngineCall, Events
from serve_app.core.profile import Profile
from serve_app.core.surface import Z99, read_surface
from serve_app.gateway.answer import Answer
from serve_app.gateway.refusal import may_serve_later
from serve_app.settings import RoutingSettings
from serve_app.state.breakers import Breakers
from serve_app.state.load import LoadTracker
from serve_app.state.poison import PoisonRecord
from serve_app.state.silences import Silences


def attempt_timeout_s(
    candidate: Candidate,
    profile: Profile | None,
    settings: RoutingSettings,
    request: InferenceRequest,
) -> float | None:
    """Seconds until a pair that gave nothing is late; `None` is without such a limit.

    An answer that comes whole shows nothing before: a hang looks like a long answer, unless the
    caller has bounded its length. A pair without a profile has no prediction.
    """
    prediction = candidate.prediction
    if prediction is None or profile is None:
        return None
    limit = request.max_tokens_with(candidate.default_max_tokens)
    if request.stream:
        expected_ms = prediction.ttft_ms
    elif limit is None or not is_one_answer(request.body):
        return None
    else:
        # 99 of 100 answers of all the tokens that are allowed take no longer.
        latency = read_surface(
            profile.latency,
            concurrency=min(prediction.concurrency, profile.max_concurrency),
            prompt_tokens=prediction.prompt_tokens,
            z=Z99,
        )
        expected_ms = prediction.wait_ms + latency.ttft_ms + limit * latency.tpot_ms
    return max(settings.attempt_timeout_min_ms, settings.attempt_timeout_factor * expected_ms) / 1e3


@dataclass(slots=True)
class _Walk:
    """One request's way along the ranked pairs: when each was tried, and what came of it."""

    began_s: dict[str, float] = field(default_factory=dict)
    broke: dict[str, EngineFailed] = field(default_factory=dict)
    refusals: list[EngineError] = field(default_factory=list)

    @property
    def attempts(self) -> int:
        """A pair that cannot serve the request at all takes no attempt from the others."""
        return len(self.began_s) - len(self.refusals)


@dataclass(frozen=True, slots=True)
class Attempts:
    """Tries pairs in a decision's order."""

    engine: Engine
    breakers: Breakers
    poison: PoisonRecord
    silences: Silences
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
        every pair failed, `DeadlineExceeded` when none answered in time.
        """
        deadline_ms, walk = self.settings.first_token_deadline_ms, _Walk()
        left_ms = deadline_ms - answer.request.reading_ms - answer.overhead_ms
        if left_ms <= 0.0:
            raise DeadlineExceeded(deadline_ms, ())
        async with AsyncExitStack() as resources:
            try:
                async with asyncio.timeout(left_ms / 1e3):
                    await self._walk(answer, resources, walk)
            except TimeoutError as exc:
                late = DeadlineExceeded(deadline_ms, tuple(walk.began_s))
                pair, began_s = walk.began_s.popitem()
                silent = answer.request.stream and self._is_silent(pair)
                self._note(pair, "broken" if silent else "late", str(late), began_s)
                if silent:
                    self.breakers.failed(pair)
                raise late from exc
            finally:
                # Poison leaves no pair here. Until now it was not known if this request is one.
                for pair in walk.broke:
                    self.breakers.failed(pair)
            yield

    def ended(self, answer: Answer, *, whole: bool) -> None:
        """Counts how an answer ended that had begun. A caller who left shows nothing."""
        if whole:
            self.breakers.succeeded(answer.pair)
            self.poison.answered(answer.pair)
        elif answer.failure is not None and CONSEQUENCES[kind_of(answer.failure)].counts:
            self.breakers.failed(answer.pair)

    async def _walk(self, answer: Answer, resources: AsyncExitStack, walk: _Walk) -> None:
        profiles = answer.catalog.profiles if answer.catalog is not None else {}
        untried, skipped = list(answer.decision.candidates), False
        while untried and walk.attempts < self.settings.max_attempts:
            candidate = untried.pop(0)
            if not self.breakers.allows(candidate.pair):
                skipped = True
                continue
            walk.began_s[candidate.pair] = self.clock.now()
            limit_s = None
            if walk.attempts < self.settings.max_attempts and any(
                self.breakers.allows(other.pair) for other in untried
            ):
                profile = profiles.get(candidate.pair)
                limit_s = attempt_timeout_s(candidate, profile, self.settings, answer.request)
            try:
                texts = await self._attempt(candidate, answer.request, resources, limit_s)
            except EngineError as error:
                self._failed(candidate.pair, error, answer, walk)
            else:
                answer.begin(candidate.pair, texts, now_s=self.clock.now())
                return
        only_refusals = len(walk.refusals) == len(walk.began_s)
        if walk.refusals and only_refusals and not (skipped or may_serve_later(answer.decision)):
            raise walk.refusals[0]
        why = "no pair may be tried now: recent attempts at every pair failed"
        if answer.failures:
            why = "no pair could answer: " + "; ".join(str(error) for error in answer.failures)
        raise Overloaded(why, self.settings.retry_after_s)

    def _failed(self, pair: str, error: EngineError, answer: Answer, walk: _Walk) -> None:
        """Takes one attempt's error. Raises what ends the walk."""
        kind = kind_of(error)
        if not CONSEQUENCES[kind].next_pair:
            raise error
        self._note(pair, kind, str(error), walk.began_s[pair])
        answer.failures.append(error)
        if kind == "pair":
            walk.refusals.append(error)
        elif isinstance(error, EngineSilent):
            # All streams at the pair wait, not this one alone.
            self.breakers.failed(pair)
        elif isinstance(error, EngineFailed):
            walk.broke[pair] = error
            if len(walk.broke) > 1:
                self._raise_if_poison(answer, walk)

    def _raise_if_poison(self, answer: Answer, walk: _Walk) -> None:
        pairs = tuple(walk.broke)
        if not self.poison.is_to_blame(hash(repr(answer.request.body)), pairs):
            return
        poison = PoisonRequest(pairs, tuple(error.cause for error in walk.broke.values()))
        walk.broke.clear()
        self.events.emit(PoisonFound(decision=answer.decision.id, pairs=pairs, detail=str(poison)))
        raise poison

    async def _attempt(
        self,
        candidate: Candidate,
        request: InferenceRequest,
        resources: AsyncExitStack,
        limit_s: float | None,
    ) -> AsyncGenerator[str, None]:
        pair = candidate.pair
        self.breakers.probing(pair)
        async with AsyncExitStack() as attempt:
            attempt.enter_context(self.load.counted(pair, request.sequences))
            call = _engine_call(request, candidate)
            texts = await attempt.enter_async_context(aclosing(self.engine.answer(pair, call)))
            given = False
            try:
                text = await self._next(pair, texts, limit_s, stream=request.stream)
                if text is None:
                    raise EngineFailed(pair, "it ended without an answer")
                given = True
            except TimeoutError:
                raise self._late(pair, "it gave nothing in time", stream=request.stream) from None
            finally:
                # A probe that breaks is counted later. Until then another may probe.
                if not given:
                    self.breakers.released(pair)
            self.breakers.gave_first_token(pair)
            resources.push_async_exit(attempt.pop_all())
            return self._unstalled(pair, text, texts, stream=request.stream)

    async def _next(
        self, pair: str, texts: AsyncGenerator[str, None], limit_s: float | None, *, stream: bool
    ) -> str | None:
        """The next text of `texts`, `None` at the end. Raises `TimeoutError`."""
        async with asyncio.timeout(limit_s):
            if stream:
                with self.silences.waiting(pair):
                    text = await anext(texts, None)
            else:
                text = await anext(texts, None)
        self.silences.restart(pair)
        return text

    async def _unstalled(
        self, pair: str, first: str, texts: AsyncGenerator[str, None], *, stream: bool
    ) -> AsyncGenerator[str, None]:
        """`first` and the other texts, each of them within the deadline of a first token."""
        yield first
        limit_s = self.settings.first_token_deadline_ms / 1e3
        while True:
            try:
                text = await self._next(pair, texts, limit_s, stream=stream)
            except TimeoutError as exc:
                silence = f"it gave nothing for {limit_s:g} s in the middle of its answer"
                raise self._late(pair, silence, stream=stream) from exc
            if text is None:
                return
            yield text

    def _late(self, pair: str, cause: str, *, stream: bool) -> EngineLate | EngineSilent:
        if stream and self._is_silent(pair):
            return EngineSilent(pair, f"{cause}, and no other request got anything from it")
        return EngineLate(pair, cause)

    def _is_silent(self, pair: str) -> bool:
        """Whether the pair's engine makes no progress. A silence is counted once.

        Streams waited for the least time of an attempt, and none of them got a text. A pair
        without a replica still starts.
        """
        least_ms = min(
            self.settings.attempt_timeout_min_ms, self.settings.first_token_deadline_ms / 2
        )
        if self.silences.seconds(pair) * 1e3 < least_ms:
            return False
        if not self.load.view()[pair].ready_replicas:
            return False
        self.silences.restart(pair)
        return True

    def _note(self, pair: str, kind: FaultKind, detail: str, began_s: float) -> None:
        elapsed_ms = (self.clock.now() - began_s) * 1e3
        self.events.emit(
            AttemptFailed(pair=pair, reason=kind, detail=detail, elapsed_ms=elapsed_ms)
        )


def _engine_call(request: InferenceRequest, candidate: Candidate) -> EngineCall:
    """The caller's request without `routing`, to the pair by its name, with the pair's limit.

    A stream ends with usage, which the router needs to bill it.
    """
    body = {name: value for name, value in request.body.items() if name != "routing"}
    body["model"] = candidate.pair
    if candidate.default_max_tokens is not None:
        body["max_tokens"] = request.max_tokens_with(candidate.default_max_tokens)
    if request.stream:
        options = body.get("stream_options") or {}
        if not options.get("include_usage"):
            # Without include_usage an engine ignores continuous_usage_stats. With it, the option
            # would take effect.
            kept = {k: v for k, v in options.items() if k != "continuous_usage_stats"}
            options = {**kept, "include_usage": True}
        body["stream_options"] = options
    return EngineCall(operation=request.operation, body=body, request_id=request.request_id)
