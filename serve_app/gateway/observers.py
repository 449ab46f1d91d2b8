"""Listeners that observe answers. An answer neither waits for them nor fails with them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

from serve_app.core.cost import Usage
from serve_app.core.decision import RoutingResult
from serve_app.core.inference_request import Inbound

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
        self, inbound: Inbound, routing: RoutingResult, pair: str
    ) -> AnswerObserver | None: ...


class Observers:
    """All observers of one answer, as one that does not raise."""

    def __init__(
        self,
        listeners: Iterable[AnswerListener],
        inbound: Inbound,
        routing: RoutingResult,
        pair: str,
    ) -> None:
        self._observers: list[AnswerObserver] = []
        for listener in listeners:
            with _harmless():
                observer = listener.answered(inbound, routing, pair)
                if observer is not None:
                    self._observers.append(observer)

    def text(self, text: str) -> None:
        for observer in self._observers:
            with _harmless():
                observer.text(text)

    def ended(self, usage: Usage, *, complete: bool) -> None:
        for observer in self._observers:
            with _harmless():
                observer.ended(usage, complete=complete)


@contextmanager
def _harmless() -> Iterator[None]:
    try:
        yield
    # A bug in a listener must not cost the caller its answer.
    except Exception:
        logger.exception("a listener failed; the answer goes on")
