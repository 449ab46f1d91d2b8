"""Fakes for every port, shipped so that users can test against them without a process started."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import TypeVar

from serve_app.adapters.profile_codec import (
    decode_catalog,
    encode_catalog,
    next_version,
    published_version,
)
from serve_app.core.catalog import Catalog
from serve_app.core.errors import StoreEmpty, StoreUnavailable
from serve_app.core.events import Event

E = TypeVar("E", bound=Event)


class ManualClock:
    """A `Clock` that moves when told to; `sleep` ends when enough time was let pass."""

    def __init__(self, now_s: float = 0.0) -> None:
        self._now_s = now_s
        self._moved = asyncio.Condition()

    def now(self) -> float:
        return self._now_s

    async def sleep(self, seconds: float) -> None:
        wake_s = self._now_s + seconds
        async with self._moved:
            await self._moved.wait_for(lambda: self._now_s >= wake_s)

    async def advance(self, seconds: float) -> None:
        """Lets time pass and wakes whoever slept long enough."""
        async with self._moved:
            self._now_s += seconds
            self._moved.notify_all()


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


class MemoryStore:
    """A `ProfileStore` in this process, which can be emptied, broken and mended."""

    def __init__(self) -> None:
        self._active: str | None = None
        self._published: dict[str, str] = {}
        self._down = False
        self._watchers: set[asyncio.Event] = set()

    async def load(self) -> Catalog:
        self._check_up()
        if self._active is None:
            raise StoreEmpty("memory", "has no catalog: publish one")
        return decode_catalog(self._active, "memory")

    async def changes(self) -> AsyncGenerator[None, None]:
        self._check_up()
        changed = asyncio.Event()
        self._watchers.add(changed)
        try:
            yield
            while True:
                await changed.wait()
                changed.clear()
                self._check_up()
                yield
        finally:
            self._watchers.discard(changed)

    async def publish(self, catalog: Catalog, *, by: str) -> str:
        self._check_up()
        version = next_version([*self._published, published_version(self._active)])
        text = encode_catalog(catalog, version=version, by=by, at=datetime.now(UTC))
        self._published[version] = text
        self.put(text)
        return version

    async def close(self) -> None:
        """Nothing is open."""

    def put(self, text: str) -> None:
        """Sets the text of the active catalog by hand, unchecked."""
        self._active = text
        self._tell_watchers()

    def go_down(self) -> None:
        self._down = True
        self._tell_watchers()

    def come_back(self) -> None:
        self._down = False

    def _check_up(self) -> None:
        if self._down:
            raise StoreUnavailable("memory", "is down")

    def _tell_watchers(self) -> None:
        for changed in self._watchers:
            changed.set()
