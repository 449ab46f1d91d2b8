"""Walks the ranked pairs until one gives a first token; after that nothing is retried.

A pair may keep a request waiting only so long while another could be tried.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass

from serve_app.core.decision import Candidate
from serve_app.core.errors import (
    DeadlineExceeded,
    EngineBusy,
    EngineFailed,
    EngineRejected,
    Overloaded,
    RouterError,
)
from serve_app.core.events import AttemptFailed
from serve_app.core.inference_request import InferenceRequest, is_one_answer
from serve_app.core.ports import Clock, Engine, EngineCall, Events
from serve_app.core.profile import Profile
from serve_app.core.surface import Z99, read_surface
from serve_app.gateway.answer import Answer
from serve_app.settings import RoutingSettings
from serve_app.state.breakers import Breakers
from serve_app.state.load import LoadTracker


def attempt_timeout_s(
    candidate: Candidate,
    profile: Profile | None,
    settings: RoutingSettings,
    request: InferenceRequest,
) -> float | None:
    """Seconds until a pair that gave nothing counts as hanging; `None` is without such a limit.

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


@dataclass(frozen=True, slots=True)
class Attempts:
    """Tries pairs in a decision's order."""

    engine: Engine
    breakers: Breakers
    load: LoadTracker
    settings: RoutingSettings
    clock: Clock
    events: Events

    @asynccontextmanager
    async def first_token(self, answer: Answer) -> AsyncIterator[None]:
        """Begins `answer` with the first pair that gives a token.

        Leaving the block frees the engine's slot.

        The deadline counts from the request's first byte. Raises `EngineRejected` when an engine
        finds the request wrong, `Overloaded` when every pair failed, `DeadlineExceeded` when none
        answered in time.
        """
        deadline_ms, tried = self.settings.first_token_deadline_ms, dict[str, float]()
        left_ms = deadline_ms - answer.request.reading_ms - answer.overhead_ms
        if left_ms <= 0.0:
            raise DeadlineExceeded(deadline_ms, ())
        async with AsyncExitStack() as resources:
            try:
                async with asyncio.timeout(left_ms / 1e3):
                    await self._walk(answer, resources, tried)
            except TimeoutError as exc:
                late = DeadlineExceeded(deadline_ms, tuple(tried))
                pair, began_s = tried.popitem()
                had_ms = (self.clock.now() - began_s) * 1e3
                self._note(pair, late, had_ms)
                # Who got only the rest of the time had no chance to answer.
                if had_ms >= min(self.settings.attempt_timeout_min_ms, deadline_ms / 2):
                    self.breakers.failed(pair)
                raise late from exc
            yield

    async def _walk(
        self, answer: Answer, resources: AsyncExitStack, tried: dict[str, float]
    ) -> None:
        """Tells in `tried` which pair was tried and when that began."""
        profiles = answer.catalog.profiles if answer.catalog is not None else {}
        untried = list(answer.decision.candidates)
        while untried and len(tried) < self.settings.max_attempts:
            candidate = untried.pop(0)
            if not self.breakers.allows(candidate.pair):
                continue
            tried[candidate.pair] = self.clock.now()
            limit_s = None
            if len(tried) < self.settings.max_attempts and any(
                self.breakers.allows(other.pair) for other in untried
            ):
                profile = profiles.get(candidate.pair)
                limit_s = attempt_timeout_s(candidate, profile, self.settings, answer.request)
            try:
                texts = await self._attempt(candidate, answer.request, resources, limit_s)
            except (EngineBusy, EngineFailed) as error:
                answer.failures.append(error)
            else:
                answer.begin(candidate.pair, texts, now_s=self.clock.now())
                return
        why = "no pair may be tried now: recent attempts at every pair failed"
        if answer.failures:
            why = "no pair could answer: " + "; ".join(str(error) for error in answer.failures)
        raise Overloaded(why, self.settings.retry_after_s)

    async def _attempt(
        self,
        candidate: Candidate,
        request: InferenceRequest,
        resources: AsyncExitStack,
        limit_s: float | None,
    ) -> AsyncGenerator[str, None]:
        began_s, pair = self.clock.now(), candidate.pair
        self.breakers.probing(pair)
        async with AsyncExitStack() as attempt:
            attempt.enter_context(self.load.counted(pair, request.sequences))
            call = _engine_call(request, candidate)
            texts = await attempt.enter_async_context(aclosing(self.engine.answer(pair, call)))
            try:
                text = await _first(pair, texts, limit_s)
            except EngineRejected:
                # Who can tell that a request is wrong is alive.
                self.breakers.gave_first_token(pair)
                raise
            except (EngineBusy, EngineFailed) as error:
                self._note(pair, error, (self.clock.now() - began_s) * 1e3)
                # A full pair is alive: only a broken one opens its breaker.
                if isinstance(error, EngineFailed):
                    self.breakers.failed(pair)
                raise
            self.breakers.gave_first_token(pair)
            resources.push_async_exit(attempt.pop_all())
            return _unstalled(pair, text, texts, self.settings.first_token_deadline_ms / 1e3)

    def _note(self, pair: str, error: RouterError, elapsed_ms: float) -> None:
        reason = type(error).__name__
        self.events.emit(
            AttemptFailed(pair=pair, reason=reason, detail=str(error), elapsed_ms=elapsed_ms)
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


async def _first(pair: str, texts: AsyncGenerator[str, None], limit_s: float | None) -> str:
    try:
        async with asyncio.timeout(limit_s):
            text = await anext(texts, None)
    except TimeoutError as exc:
        raise EngineFailed(pair, "it gave nothing in time") from exc
    if text is None:
        raise EngineFailed(pair, "it ended without an answer")
    return text


async def _unstalled(
    pair: str, first: str, texts: AsyncGenerator[str, None], limit_s: float
) -> AsyncGenerator[str, None]:
    """`first` and the other texts. A pair that falls silent in the middle of them has broken."""
    yield first
    while True:
        try:
            async with asyncio.timeout(limit_s):
                text = await anext(texts, None)
        except TimeoutError as exc:
            silence = f"it gave nothing for {limit_s:g} s in the middle of its answer"
            raise EngineFailed(pair, silence) from exc
        if text is None:
            return
        yield text
