"""Every profile store: in memory, in a folder, and on a real Redis server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from serve_app.core.ports import ProfileStore
from tests.redis_server import RedisServer
from tests.store.contracts.stores import InFolder, InMemory, InRedis, StoreUnderTest


@pytest.fixture(params=["memory", "folder", "polled folder", "redis", "redis namespace"])
def place(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> StoreUnderTest:
    if request.param == "memory":
        return InMemory()
    if request.param.startswith("redis"):
        server: RedisServer = request.getfixturevalue("redis_server")
        namespace = "?namespace=fleet-a" if request.param == "redis namespace" else ""
        return InRedis(server.url + namespace)
    if request.param == "polled folder":
        monkeypatch.setenv("WATCHFILES_FORCE_POLLING", "true")
    return InFolder(tmp_path / "store")


@pytest.fixture
async def open_store(place: StoreUnderTest) -> AsyncIterator[Callable[[], ProfileStore]]:
    async with AsyncExitStack() as opened:

        def open_one() -> ProfileStore:
            store = place.open()
            opened.push_async_callback(store.close)
            return store

        yield open_one


@pytest.fixture
def store(open_store: Callable[[], ProfileStore]) -> ProfileStore:
    return open_store()
