"""One answer on its way to the caller, and what is known of it when it ends."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from serve_app.core.cost import NO_USAGE, Usage
from serve_app.core.decision import Candidate, Constraint, RoutingResult
from serve_app.core.errors import EngineError
from serve_app.gateway.answer_editor import AnswerEditor
from serve_app.gateway.attempts import FirstToken
from serve_app.gateway.observers import AnswerObserver


class CallerGone(Exception):
    """The caller left, or has stopped reading; raised by the HTTP side while it answers."""


class Answer:
    """What one pair answers; `candidate` is that pair as the decision saw it.

    An `observer` gets the engine's texts as they pass.
    """

    def __init__(
        self,
        routing: RoutingResult,
        first: FirstToken,
        *,
        usage_asked: bool,
        observer: AnswerObserver | None = None,
    ) -> None:
        self.decision = routing.decision
        self.overhead_ms = routing.overhead_ms
        self.pair = first.pair
        self.broke = False
        self._first = first
        self._observer = observer
        self._note(first.text)
        price = routing.catalog.prices.get(first.pair) if routing.catalog is not None else None
        self._editor = AnswerEditor(first.pair, price, usage_asked=usage_asked)

    @property
    def usage(self) -> Usage:
        """What the engine counted, as far as it has reported it."""
        return self._editor.usage

    @property
    def uncounted(self) -> Usage:
        """What a stream that ended without usage took, as far as is known: a token per chunk."""
        prediction = self.candidate.prediction if self.candidate is not None else None
        if self.usage != NO_USAGE or prediction is None:
            return NO_USAGE
        return Usage(
            prompt_tokens=prediction.prompt_tokens, completion_tokens=self._editor.said_parts
        )

    @property
    def candidate(self) -> Candidate | None:
        return self.decision.candidate(self.pair)

    @property
    def infeasible(self) -> tuple[Constraint, ...]:
        return self.candidate.violates if self.candidate is not None else ()

    @property
    def reason(self) -> str:
        """Why this pair: the decision's reason, after what became of the pairs before it."""
        failures = [str(error) for error in self._first.failures]
        if self.decision.chosen != self.pair and not failures:
            failures = [f"pair {self.decision.chosen!r} was skipped after recent failures"]
        if not failures:
            return self.decision.reason
        return f"{'; '.join(failures)}; {self.pair!r} is next; {self.decision.reason}"

    async def whole(self) -> str:
        """The JSON text of an unary answer."""
        # Running the generator to its end tells the engine side that nothing is to be cancelled.
        await anext(self._first.rest, None)
        return self._editor.whole(self._first.text)

    async def chunks(self) -> AsyncGenerator[str, None]:
        """The JSON texts of a stream. Raises `EngineError` when the pair breaks midway."""
        failure = None
        try:
            async with aclosing(self._first.rest) as rest:
                for text in self._editor.chunk(self._first.text):
                    yield text
                async for engine_text in rest:
                    self._note(engine_text)
                    for text in self._editor.chunk(engine_text):
                        yield text
        except EngineError as error:
            self.broke = True
            failure = error
        for text in self._editor.rest():
            yield text
        if failure is not None:
            raise failure

    def _note(self, text: str) -> None:
        if self._observer is not None:
            self._observer.text(text)
