"""Several sinks for the same facts."""

from __future__ import annotations

from serve_app.core.events import Event
from serve_app.core.ports import Events


class FanOut:
    """An `Events` that hands each fact to every sink, in their order."""

    def __init__(self, *sinks: Events) -> None:
        self._sinks = sinks

    def emit(self, event: Event) -> None:
        for sink in self._sinks:
            sink.emit(event)
