"""Facts, remembered."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from serve_app.core.events import Event

E = TypeVar("E", bound=Event)


class RecordingEvents:
    """An `Events` that remembers; a test may wait for what has not happened yet."""

    def __init__(self) -> None:
        self.seen: list[Event] = []
        self._emitted = asyncio.Event()

    def emit(self, event: Event) -> None:
        self.seen.append(event)
        self._emitted.set()

    def of(self, kind: type[E]) -> list[E]:
        """All events of one kind so far, oldest first."""
        return [event for event in self.seen if isinstance(event, kind)]

    async def wait_for(self, kind: type[E], *, count: int = 1) -> E:
        """The `count`th event of a kind, now or as soon as it is emitted."""
        while len(self.of(kind)) < count:
            self._emitted.clear()
            await self._emitted.wait()
        return self.of(kind)[count - 1]
