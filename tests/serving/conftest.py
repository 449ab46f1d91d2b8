"""One Redis server and one real fleet for all tests of this folder that need them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from profiles.publishing.publish import commit, draft_folder
from serve_app.store.open_store import open_store
from tests.paths import REPOSITORY
from tests.redis_server import RedisServer
from tests.serving.running_fleet import Fleet, running_fleet


@pytest.fixture(scope="session")
def fleet_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory, fleet_redis: RedisServer) -> Iterator[Fleet]:
    asyncio.run(_publish_shipped(fleet_redis.url))
    yield from running_fleet(tmp_path_factory.mktemp("fleet"), store=fleet_redis.url)


async def _publish_shipped(url: str) -> None:
    store = open_store(url)
    draft = await draft_folder(REPOSITORY / "profiles" / "data", store, floor=None)
    await commit(draft, store, by="tests")
    await store.close()
