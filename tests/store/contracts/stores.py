"""Every profile store with what a test must be able to do behind its back."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from redis.asyncio import Redis

from serve_app.core.ports import ProfileStore
from serve_app.store.file_store import ACTIVE, FileStore
from serve_app.store.redis_store import RedisKeys, RedisStore
from serve_app.store_address import redis_address
from serve_app.testing import MemoryStore


class StoreUnderTest(Protocol):
    """One place for a catalog, and any number of stores that look at it."""

    def open(self) -> ProfileStore: ...

    async def set_by_hand(self, text: str) -> None:
        """Replaces the active catalog's text, as somebody without our tools would."""
        ...


class InMemory:
    def __init__(self) -> None:
        self._store = MemoryStore()

    def open(self) -> MemoryStore:
        return self._store

    async def set_by_hand(self, text: str) -> None:
        self._store.put(text)


class InFolder:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()

    def open(self) -> FileStore:
        return FileStore(self._folder)

    async def set_by_hand(self, text: str) -> None:
        (self._folder / ACTIVE).write_text(text)


class InRedis:
    def __init__(self, url: str) -> None:
        self._url = url

    def open(self) -> RedisStore:
        return RedisStore(self._url)

    async def set_by_hand(self, text: str) -> None:
        address = redis_address(self._url)
        async with Redis.from_url(address.url) as client:
            await client.set(RedisKeys(address.namespace).active, text)
