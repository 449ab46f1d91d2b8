"""What only the Redis store does, on a real server that is stopped, hung and started again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest
from redis.asyncio import Redis

from serve_app.core.errors import StoreEmpty, StoreUnavailable, VersionUnknown
from serve_app.core.events import CatalogSwapped, StoreLost
from serve_app.state.live_catalog import LiveCatalog
from serve_app.store.codec import encode_catalog, encode_version, publication
from serve_app.store.redis_store import RedisStore
from serve_app.store.watch import CatalogWatch
from serve_app.testing import ManualClock, RecordingEvents
from tests.builders import a_policy
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


async def test_each_fleet_sees_its_own_namespace_of_one_server(redis_server: RedisServer) -> None:
    events = RecordingEvents()
    catalog = LiveCatalog(ManualClock(), events, policy=a_policy(), pairs=())
    async with (
        opened(f"{redis_server.url}?namespace=one") as one,
        opened(f"{redis_server.url}?namespace=two") as two,
    ):
        await one.publish(a_catalog("a"), by="ann")
        watch = CatalogWatch(one, catalog, fleet=("a", "b"), events=events)
        running = asyncio.create_task(watch.run())
        await events.wait_for(CatalogSwapped)
        with pytest.raises(StoreEmpty):
            await two.load()

        assert await two.publish(a_catalog("b"), by="ben") == "1"
        assert await one.publish(a_catalog("a", "b"), by="ann") == "2"
        await events.wait_for(CatalogSwapped, count=2)
        running.cancel()

        assert [event.version for event in events.of(CatalogSwapped)] == ["1", "2"]
        assert [version.by for version in await one.history()] == ["ann", "ann"]
        assert [version.by for version in await two.history()] == ["ben"]
        assert list((await two.load()).profiles) == ["b"]
        with pytest.raises(VersionUnknown):
            await two.version("2")


async def test_keys_begin_with_the_namespace_of_the_address(
    redis_server: RedisServer, client: Redis
) -> None:
    async with opened(f"{redis_server.url}?namespace=fleet-a") as store:
        await store.publish(a_catalog(), by="ci")

    assert sorted(await client.keys()) == [
        "fleet-a:active",
        "fleet-a:history",
        "fleet-a:last_version",
        "fleet-a:version:1",
    ]


async def test_a_store_written_before_there_were_namespaces_is_read_and_continued(
    store: RedisStore, client: Redis
) -> None:
    published = publication(a_catalog("a"), "7", by="ann", note="", restores=None)
    text = encode_catalog(a_catalog("a"), published)
    await client.set("model_profiles:active", text)
    await client.set("model_profiles:version:7", text)
    await client.set("model_profiles:last_version", "7")
    await client.lpush("model_profiles:history", encode_version(published))

    assert await store.load() == a_catalog("a", version="7")
    assert [version.version for version in await store.history()] == ["7"]
    assert await store.publish(a_catalog("a", "b"), by="ben") == "8"


async def test_an_empty_namespace_names_the_catalog_of_the_default_one(
    store: RedisStore, redis_server: RedisServer
) -> None:
    async with opened(f"{redis_server.url}?namespace=new") as fresh:
        with pytest.raises(StoreEmpty) as nothing:
            await fresh.load()
        assert "key new:active is not set: publish a catalog" in str(nothing.value)
        assert "model_profiles" not in str(nothing.value)

        await store.publish(a_catalog(), by="ci")

        with pytest.raises(StoreEmpty) as elsewhere:
            await fresh.load()
        assert "model_profiles:active is set: remove the namespace" in str(elsewhere.value)
        assert elsewhere.value.store.endswith("?namespace=new")


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
    catalog = LiveCatalog(ManualClock(), events, policy=a_policy(), pairs=())
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
        catalog = LiveCatalog(ManualClock(), events, policy=a_policy(), pairs=())
        watch = CatalogWatch(store, catalog, fleet=a_catalog().profiles, events=events)
        running = asyncio.create_task(watch.run())
        await events.wait_for(CatalogSwapped)
        for _ in range(steps):
            await asyncio.sleep(0)
        running.cancel()
        async with asyncio.timeout(GIVE_UP_S):
            await asyncio.wait([running])

        assert running.cancelled()
