"""One Redis server and one real fleet for all tests of this folder that need them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from profiles.publishing.publish import commit, draft_folder
from serve_app.store.open_store import open_store
from tests.paths import SMOLLM2, SMOLLM2_FLEET, SMOLLM2_PROFILES
from tests.redis_server import RedisServer
from tests.serving.running_fleet import Fleet, config_of, running_fleet


@pytest.fixture(scope="package")
def fleet_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="package")
def fleet(tmp_path_factory: pytest.TempPathFactory, fleet_redis: RedisServer) -> Iterator[Fleet]:
    """Two ingress replicas, three pairs. It stops before other folders start engines."""
    asyncio.run(_publish_measured(fleet_redis.url))
    config = config_of(
        SMOLLM2_FLEET,
        tmp_path_factory.mktemp("fleet"),
        classifier={"success_model": str(SMOLLM2 / "success.npz")},
        ingress={"replicas": {"min": 2, "max": 2}},
        store={"url": fleet_redis.url, "fallback_url": str(SMOLLM2_PROFILES)},
    )
    yield from running_fleet(config)


async def _publish_measured(url: str) -> None:
    store = open_store(url)
    draft = await draft_folder(SMOLLM2_PROFILES, store, floor=None)
    await commit(draft, store, by="tests")
    await store.close()
