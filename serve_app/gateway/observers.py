"""Listeners that observe answers. An answer neither waits for them nor fails with them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

from serve_app.core.cost import Usage
from serve_app.core.decision import RoutingResult
from serve_app.core.inference_request import InferenceRequest

T = TypeVar("T")
R = TypeVar("R")
logger = logging.getLogger(__name__)


class AnswerObserver(Protocol):
    """Observes one answer. Each call returns at once."""

    def text(self, text: str) -> None:
        """Takes one JSON text of the engine, as it passes."""
        ...

    def ended(self, usage: Usage, *, complete: bool) -> None:
        """The answer is over. It is not complete if the pair broke or the caller left."""
        ...


class AnswerListener(Protocol):
    """Is notified of every answer that begins.

    The call returns at once. Slow work belongs in a task of the listener.
    """

    def answered(
        self, request: InferenceRequest, routing: RoutingResult, pair: str
    ) -> AnswerObserver | None: ...


class Observers:
    """All observers of one answer, as one. It drops an observer that raises."""

    def __init__(
        self,
        listeners: Iterable[AnswerListener],
        request: InferenceRequest,
        routing: RoutingResult,
        pair: str,
    ) -> None:
        begun = _each(listeners, lambda listener: listener.answered(request, routing, pair))
        self._observers = [observer for _, observer in begun if observer is not None]

    def text(self, text: str) -> None:
        done = _each(self._observers, lambda observer: observer.text(text))
        self._observers = [observer for observer, _ in done]

    def ended(self, usage: Usage, *, complete: bool) -> None:
        list(_each(self._observers, lambda observer: observer.ended(usage, complete=complete)))


def _each(of: Iterable[T], call: Callable[[T], R]) -> Iterator[tuple[T, R]]:
    """Those that did not raise, with what they returned."""
    for one in of:
        try:
            result = call(one)
        # A bug in a listener must not cost the caller its answer.
        except Exception:
            logger.exception("a listener failed and gets nothing more of this answer")
        else:
            yield one, result
