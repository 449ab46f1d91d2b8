"""What only the Redis store does, on a real server that is stopped, hung and started again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest
from redis.asyncio import Redis

from serve_app.core.errors import StoreUnavailable
from serve_app.core.events import CatalogSwapped, StoreLost
from serve_app.state.live_catalog import LiveCatalog
from serve_app.store.redis_store import RedisStore
from serve_app.store.watch import CatalogWatch
from serve_app.testing import ManualClock, RecordingEvents
from tests.catalogs import a_catalog
from tests.redis_server import RedisServer
from tests.waiting import GIVE_UP_S


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[RedisStore]:
    store = RedisStore(url, timeout_s=0.5)
    yield store
    await store.close()


@pytest.fixture
async def store(redis_server: RedisServer) -> AsyncIterator[RedisStore]:
    async with opened(redis_server.url) as store:
        yield store


@pytest.fixture
async def client(redis_server: RedisServer) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_server.url, decode_responses=True) as client:
        yield client


async def test_the_active_catalog_and_its_version_lie_under_their_keys(
    store: RedisStore, client: Redis
) -> None:
    await store.publish(a_catalog("a"), by="ci")
    await store.publish(a_catalog("b"), by="ci")

    active = str(await client.get("model_profiles:active"))

    assert [profile["pair"] for profile in json.loads(active)["profiles"]] == ["b"]
    assert await client.get("model_profiles:version:2") == active
    assert '"pair": "a"' in str(await client.get("model_profiles:version:1"))


async def test_a_publication_is_announced_with_its_version(
    store: RedisStore, client: Redis
) -> None:
    async with client.pubsub() as announcements:
        await announcements.subscribe("model_profiles:changed")
        await announcements.get_message(timeout=1)

        version = await store.publish(a_catalog(), by="ci")

        message = await announcements.get_message(timeout=1)
        assert message["data"] == version


async def test_a_version_is_not_taken_again_when_the_active_key_was_deleted(
    store: RedisStore, client: Redis
) -> None:
    await store.publish(a_catalog(), by="ci")
    await client.delete("model_profiles:active")

    assert await store.publish(a_catalog(), by="ci") == "2"


async def test_a_reader_of_a_stopped_server_is_told_so(
    store: RedisStore, redis_server: RedisServer
) -> None:
    await store.publish(a_catalog(), by="ci")
    redis_server.stop()

    async with asyncio.timeout(GIVE_UP_S):
        with pytest.raises(StoreUnavailable, match="ConnectionError"):
            await store.load()
        with pytest.raises(StoreUnavailable, match="ConnectionError"):
            await store.publish(a_catalog(), by="ci")
        with pytest.raises(StoreUnavailable, match="ConnectionError"):
            await anext(store.changes())


async def test_a_watcher_of_a_server_that_stops_is_told_so(
    store: RedisStore, redis_server: RedisServer
) -> None:
    async with aclosing(store.changes()) as changes:
        await anext(changes)
        redis_server.stop()

        async with asyncio.timeout(GIVE_UP_S):
            with pytest.raises(StoreUnavailable):
                await anext(changes)


async def test_a_server_that_hangs_hangs_nobody(
    store: RedisStore, redis_server: RedisServer
) -> None:
    await store.publish(a_catalog(), by="ci")
    async with aclosing(store.changes()) as changes:
        await anext(changes)
        redis_server.hang()

        async with asyncio.timeout(GIVE_UP_S):
            with pytest.raises(StoreUnavailable, match="no answer within"):
                await store.load()
            with pytest.raises(StoreUnavailable, match="no answer within"):
                await anext(changes)
            with pytest.raises(StoreUnavailable, match="no answer within"):
                await store.publish(a_catalog(), by="ci")
    redis_server.resume()

    assert len(await store.load()) == 1


async def test_a_watch_survives_an_outage_and_follows_again(
    store: RedisStore, redis_server: RedisServer
) -> None:
    await store.publish(a_catalog("before"), by="ci")
    events = RecordingEvents()
    catalog = LiveCatalog(ManualClock(), events)
    watch = CatalogWatch(store, catalog, fleet=("before", "after"), events=events)
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(watch.run())
        await events.wait_for(CatalogSwapped)
        redis_server.stop()
        await events.wait_for(StoreLost)
        assert catalog.current == a_catalog("before", version="1")

        redis_server.start()
        async with opened(redis_server.url) as publisher:
            await publisher.publish(a_catalog("after"), by="ci")
        await events.wait_for(CatalogSwapped, count=2)
        running.cancel()

    assert catalog.current == a_catalog("after", version="1")
    assert len(events.of(StoreLost)) == 1


@pytest.mark.parametrize(
    "url", ["redis://user:secret@127.0.0.1:1/0", "redis://127.0.0.1:1/0?password=secret"]
)
async def test_a_password_is_never_told(url: str) -> None:
    async with opened(url) as store:
        with pytest.raises(StoreUnavailable) as told:
            await store.load()

    assert told.value.store == "redis://127.0.0.1:1/0"
    assert "secret" not in str(told.value)


async def test_a_wrong_password_is_told_as_such(redis_server: RedisServer, client: Redis) -> None:
    await client.config_set("requirepass", "right")

    async with opened(redis_server.url) as stranger:
        with pytest.raises(StoreUnavailable, match="Authentication"):
            await stranger.load()


async def test_a_watch_can_be_cancelled_at_any_moment(store: RedisStore) -> None:
    await store.publish(a_catalog(), by="ci")

    for steps in range(60):
        events = RecordingEvents()
        catalog = LiveCatalog(ManualClock(), events)
        watch = CatalogWatch(store, catalog, fleet=a_catalog().profiles, events=events)
        running = asyncio.create_task(watch.run())
        await events.wait_for(CatalogSwapped)
        for _ in range(steps):
            await asyncio.sleep(0)
        running.cancel()
        async with asyncio.timeout(GIVE_UP_S):
            await asyncio.wait([running])

        assert running.cancelled()
