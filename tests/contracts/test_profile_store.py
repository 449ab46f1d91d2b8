"""What every profile store promises, on memory, on a folder and on a real Redis server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from serve_app.core.catalog import Catalog
from serve_app.core.errors import CatalogInvalid, StoreEmpty
from serve_app.core.events import CatalogRefused, CatalogSwapped
from serve_app.core.ports import ProfileStore
from serve_app.service.catalog_watch import CatalogWatch
from serve_app.testing import RecordingEvents
from tests.catalogs import a_catalog, a_profile, a_surface
from tests.contracts.stores import InFolder, InMemory, InRedis, StoreUnderTest
from tests.redis_server import RedisServer

IN_USE_WITHIN_S = 2.0


@pytest.fixture(params=["memory", "folder", "polled folder", "redis"])
def place(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> StoreUnderTest:
    if request.param == "memory":
        return InMemory()
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        return InRedis(server.url)
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


async def test_a_store_with_nothing_published_says_so(store: ProfileStore) -> None:
    with pytest.raises(StoreEmpty, match="publish"):
        await store.load()


async def test_what_was_published_is_loaded_by_every_reader(
    open_store: Callable[[], ProfileStore],
) -> None:
    version = await open_store().publish(a_catalog("small-bf16", "small-w8a8"), by="ci")

    loaded = await open_store().load()

    assert loaded == a_catalog("small-bf16", "small-w8a8", version=version)


async def test_versions_rise_by_one_whatever_the_catalog_called_itself(store: ProfileStore) -> None:
    versions = [
        await store.publish(a_catalog(version=name), by="ci") for name in ("x", "7", "folder-1")
    ]

    assert versions == ["1", "2", "3"]


async def test_concurrent_publishers_never_share_a_version(
    open_store: Callable[[], ProfileStore],
) -> None:
    async with asyncio.TaskGroup() as publishers:
        tasks = [
            publishers.create_task(open_store().publish(a_catalog(f"pair-{n}"), by=f"ci-{n}"))
            for n in range(6)
        ]

    versions = [task.result() for task in tasks]
    assert sorted(versions) == ["1", "2", "3", "4", "5", "6"]
    active = await open_store().load()
    assert active.version == "6"
    assert list(active.profiles) == [f"pair-{versions.index('6')}"]


async def test_an_unsound_catalog_is_not_published_and_the_active_one_stays(
    store: ProfileStore,
) -> None:
    await store.publish(a_catalog("good"), by="ci")
    crossed = replace(a_surface(), ttft_ms=replace(a_surface().ttft_ms, p99=((1.0, 1.0),) * 2))

    with pytest.raises(CatalogInvalid, match=r"ttft_ms\.p99\[0\]\[0\]"):
        await store.publish(Catalog.of("x", [a_profile("bad", latency=crossed)]), by="ci")

    assert list((await store.load()).profiles) == ["good"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 1}', "\x00"])
async def test_a_broken_catalog_is_refused_with_the_place_named(
    place: StoreUnderTest, store: ProfileStore, text: str
) -> None:
    await place.set_by_hand(text)

    with pytest.raises(CatalogInvalid) as refused:
        await store.load()

    assert refused.value.problems


async def test_publishing_mends_a_broken_catalog_without_taking_an_old_version_again(
    place: StoreUnderTest, store: ProfileStore
) -> None:
    await store.publish(a_catalog("before"), by="ci")
    await place.set_by_hand("{")

    version = await store.publish(a_catalog("after"), by="ci")

    assert version == "2"
    assert list((await store.load()).profiles) == ["after"]


async def test_changes_open_with_a_first_look(store: ProfileStore) -> None:
    async with asyncio.timeout(IN_USE_WITHIN_S), aclosing(store.changes()) as changes:
        await anext(changes)


async def test_nothing_is_reported_while_nothing_changes(store: ProfileStore) -> None:
    await store.publish(a_catalog(), by="ci")
    async with aclosing(store.changes()) as changes:
        await anext(changes)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.3):
                await anext(changes)


async def test_a_publication_by_another_is_in_use_within_two_seconds(
    open_store: Callable[[], ProfileStore],
) -> None:
    publisher = open_store()
    await publisher.publish(a_catalog("old"), by="ci")
    async with _Watching(open_store()) as watching:
        await watching.events.wait_for(CatalogSwapped)

        version = await publisher.publish(a_catalog("new"), by="ci")
        async with asyncio.timeout(IN_USE_WITHIN_S):
            await watching.events.wait_for(CatalogSwapped, count=2)

        assert watching.watch.current == a_catalog("new", version=version)


async def test_a_catalog_set_by_hand_is_in_use_within_two_seconds(
    place: StoreUnderTest, open_store: Callable[[], ProfileStore], published_text: str
) -> None:
    await open_store().publish(a_catalog("old"), by="ci")
    async with _Watching(open_store()) as watching:
        await watching.events.wait_for(CatalogSwapped)

        await place.set_by_hand(published_text)
        async with asyncio.timeout(IN_USE_WITHIN_S):
            await watching.events.wait_for(CatalogSwapped, count=2)

        assert watching.watch.current == a_catalog("by-hand", version="1")


async def test_a_bad_catalog_set_by_hand_is_refused_and_the_last_good_one_stays(
    place: StoreUnderTest, open_store: Callable[[], ProfileStore]
) -> None:
    publisher = open_store()
    await publisher.publish(a_catalog("good"), by="ci")
    async with _Watching(open_store()) as watching:
        await watching.events.wait_for(CatalogSwapped)

        await place.set_by_hand('{"schema": 99}')
        async with asyncio.timeout(IN_USE_WITHIN_S):
            refused = await watching.events.wait_for(CatalogRefused)

        assert "schema: got 99; it should be 1" in refused.reason
        assert watching.watch.current == a_catalog("good", version="1")

        await publisher.publish(a_catalog("mended"), by="ci")
        async with asyncio.timeout(IN_USE_WITHIN_S):
            await watching.events.wait_for(CatalogSwapped, count=2)

        assert watching.watch.current is not None
        assert list(watching.watch.current.profiles) == ["mended"]


@pytest.fixture
async def published_text(tmp_path: Path) -> str:
    elsewhere = tmp_path / "elsewhere"
    await InFolder(elsewhere).open().publish(a_catalog("by-hand"), by="somebody")
    return (elsewhere / "active.json").read_text()


class _Watching:
    """A catalog watch that runs while a test looks at it."""

    def __init__(self, store: ProfileStore) -> None:
        self.events = RecordingEvents()
        self.watch = CatalogWatch(store, events=self.events)

    async def __aenter__(self) -> _Watching:
        self._task = asyncio.create_task(self.watch.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
