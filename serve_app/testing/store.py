"""A profile store in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from serve_app.core.catalog import Catalog, Version
from serve_app.core.errors import StoreEmpty, StoreUnavailable, VersionUnknown
from serve_app.store.codec import (
    decode_catalog,
    decode_version,
    encode_catalog,
    next_version,
    publication,
    published_version,
    refuse_when_replaced,
)


class MemoryStore:
    """A `ProfileStore` in this process, which can be emptied, broken and repaired."""

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

    async def publish(
        self,
        catalog: Catalog,
        *,
        by: str,
        note: str = "",
        restores: str | None = None,
        replacing: str | None = None,
    ) -> str:
        self._check_up()
        active = published_version(self._active)
        refuse_when_replaced("memory", expected=replacing, active=active)
        version = next_version([*self._published, active])
        published = publication(catalog, version, by=by, note=note, restores=restores)
        text = encode_catalog(catalog, published)
        self._published[version] = text
        self.put(text)
        return version

    async def history(self) -> tuple[Version, ...]:
        self._check_up()
        return tuple(
            decode_version(text, f"memory version {version}")
            for version, text in reversed(self._published.items())
        )

    async def version(self, version: str) -> Catalog:
        self._check_up()
        if version not in self._published:
            raise VersionUnknown("memory", version, tuple(reversed(self._published)))
        return decode_catalog(self._published[version], f"memory version {version}")

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
