"""An answer in progress: the pair that gives it, its text for the caller, and what it took.

The router changes an engine's JSON in two places: the model's name, and where usage stands.
Tokens must leave one by one, so a chunk is parsed only when a search finds that it ends a choice
or holds usage. Every other chunk passes as it came.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from math import inf
from typing import Any

from serve_app.core.cost import NO_USAGE, TokenPrice, Usage
from serve_app.core.decision import Candidate, Constraint, RoutingResult
from serve_app.core.errors import EngineError
from serve_app.core.inference_request import TYPED_STREAMS, InferenceRequest
from serve_app.gateway.first_token import parsed_object
from serve_app.gateway.observers import AnswerObserver
from serve_app.gateway.time_limit import texts_within
from serve_app.state.breakers import Attempt

# Inside a JSON string every quote is escaped, so these match keys only, never generated text.
_NOTABLE = re.compile(r'"finish_reason"\s*:\s*"|"usage"\s*:\s*\{')
# How vLLM opens a chat's stream: with the role alone.
NOTHING_SAID = '"content":""'
# Of a stream of typed events: those with text, and those that name the model or count tokens.
_DELTA = re.compile(r'"type"\s*:\s*"[a-z_.]*delta"')
_NAMES_OR_COUNTS = re.compile(r'"model"\s*:|"usage"\s*:\s*\{')
# A response that its engine would keep is with one replica of one pair, where nobody finds it.
NOT_STORED = {"store": False}


class ClientDisconnected(Exception):
    """The caller left, or has stopped reading; raised by the HTTP side while it answers."""


class Answer:
    """One answer, from the decision to its last text.

    It has no `pair` until one gives its first token. `failures` are the errors of the pairs tried
    before. `first_token_s` is the time of a stream's first token. A unary answer shows none.
    `usage` is what the engine has counted so far. `failure` is the pair's error after its first
    token. `attempt` is the one that gives the answer. An `observer` gets the engine's texts as
    they pass. `limit_ms` is the time that the whole answer may take from the request's first byte.

    The engine is always asked for usage. A caller who asked too gets the engine's own usage
    chunk, with `cost_usd` in it. One who did not gets no chunk it does not expect: the last
    chunk of the last choice is held until usage is known and carries it.
    """

    _texts: AsyncGenerator[str, None]

    def __init__(self, request: InferenceRequest, routing: RoutingResult) -> None:
        self.request = request
        self.decision = routing.decision
        self.catalog = routing.catalog
        self.overhead_ms = routing.overhead_ms
        self.pair = ""
        self.failures: list[EngineError] = []
        self.first_token_s: float | None = None
        self.usage = NO_USAGE
        self.failure: EngineError | None = None
        self.attempt: Attempt | None = None
        self.observer: AnswerObserver | None = None
        self.limit_ms = inf
        self._chunks_with_text = 0
        self._price: TokenPrice | None = None
        self._model_field = ""
        self._held: str | None = None

    def begin(self, pair: str, texts: AsyncGenerator[str, None], *, now_s: float) -> None:
        """Takes over the JSON texts of `pair`, whose first one has come."""
        self.pair = pair
        self.first_token_s = now_s if self.request.stream else None
        self._texts = texts
        self._price = self.catalog.prices.get(pair) if self.catalog is not None else None
        self._model_field = f'"model":{json.dumps(pair)}'

    def end_when(self, left_s: Callable[[], float]) -> None:
        """Ends the answer with `AnswerOverdue` when no time is left."""
        self._texts = texts_within(self._texts, self.pair, self.limit_ms, left_s)

    @property
    def candidate(self) -> Candidate | None:
        """The pair as the decision saw it."""
        return self.decision.candidate(self.pair)

    @property
    def infeasible(self) -> tuple[Constraint, ...]:
        return self.candidate.violates if self.candidate is not None else ()

    @property
    def reason(self) -> str:
        """Why this pair: the decision's reason, after what became of the pairs before it."""
        failures = [str(error) for error in self.failures]
        if self.decision.chosen != self.pair and not failures:
            failures = [f"pair {self.decision.chosen!r} was skipped after recent failures"]
        if not failures:
            return self.decision.reason
        return f"{'; '.join(failures)}; {self.pair!r} is next; {self.decision.reason}"

    @property
    def uncounted(self) -> Usage:
        """An estimate for a stream that ended without usage: engines send a token per chunk."""
        prediction = self.candidate.prediction if self.candidate is not None else None
        if self.usage != NO_USAGE or prediction is None:
            return NO_USAGE
        return Usage(
            prompt_tokens=prediction.prompt_tokens * self.request.prompts,
            completion_tokens=self._chunks_with_text,
        )

    async def whole(self) -> str:
        """The JSON text of a unary answer."""
        text = await anext(self._texts)
        # Running the generator to its end tells the engine side that nothing is to be cancelled.
        await anext(self._texts, None)
        self._note(text)
        answer = {**parsed_object(self.pair, text), "model": self.pair}
        if self.request.operation == "responses":
            answer |= NOT_STORED
        self._bill(answer)
        return _dumped(answer)

    async def chunks(self) -> AsyncGenerator[str, None]:
        """The JSON texts of a stream. Raises `EngineError` when the pair breaks midway."""
        try:
            async with aclosing(self._texts) as texts:
                async for text in texts:
                    self._note(text)
                    for ready in self._ready(text):
                        yield ready
        except EngineError as error:
            self.failure = error
        for held in self._released():
            yield held
        if self.failure is not None:
            raise self.failure

    def _note(self, text: str) -> None:
        if self.observer is not None:
            self.observer.text(text)

    def _ready(self, text: str) -> tuple[str, ...]:
        """What can be sent after the engine's next chunk."""
        if self.request.operation in TYPED_STREAMS:
            return (self._event(text),)
        if NOTHING_SAID not in text:
            self._chunks_with_text += 1
        if self._model_field not in text:
            text = _dumped({**parsed_object(self.pair, text), "model": self.pair})
        if _NOTABLE.search(text) is None:
            return (*self._released(), text)
        chunk = parsed_object(self.pair, text)
        self._bill(chunk)
        if self.request.usage_asked:
            return (_dumped(chunk) if chunk.get("usage") else text,)
        ready = self._released()
        if chunk.get("choices"):
            self._held = text
            return ready
        return tuple(
            _dumped({**parsed_object(self.pair, last), "usage": chunk["usage"]}) for last in ready
        )

    def _released(self) -> tuple[str, ...]:
        """What was held back."""
        held, self._held = self._held, None
        return () if held is None else (held,)

    def _event(self, text: str) -> str:
        """One typed event for the caller. It has a response or a message in it, or a part of one.

        A message is opened with usage that has no answer in it yet, and so has no cost.
        """
        self._chunks_with_text += _DELTA.search(text) is not None
        if _NAMES_OR_COUNTS.search(text) is None:
            return text
        event = parsed_object(self.pair, text)
        response, message = event.get("response"), event.get("message")
        whole = response or message or event
        if not isinstance(whole, dict):
            return text
        if "model" in whole:
            whole["model"] = self.pair
        if isinstance(response, dict):
            response.update(NOT_STORED)
        self._bill(whole, costs=not isinstance(message, dict))
        return _dumped(event)

    def _bill(self, answer: Mapping[str, Any], *, costs: bool = True) -> None:
        usage = answer.get("usage")
        if not isinstance(usage, dict):
            return
        self.usage = usage_of(usage, self.usage)
        if self._price is not None and self.request.usage_asked and costs:
            usage["cost_usd"] = self._price.cost_usd(self.usage)


def usage_of(told: Mapping[str, Any], before: Usage = NO_USAGE) -> Usage:
    """The tokens of a `usage`, whatever names it has for them.

    Messages count what they read from a cache or write to it apart, and may leave out what an
    event `before` has told.
    """
    names = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    prompt_tokens = told.get("prompt_tokens") or sum(told.get(name) or 0 for name in names)
    return Usage(
        prompt_tokens=prompt_tokens or before.prompt_tokens,
        completion_tokens=told.get("completion_tokens") or told.get("output_tokens") or 0,
    )


def _dumped(value: Mapping[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
