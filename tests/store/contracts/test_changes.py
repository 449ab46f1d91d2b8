"""What every profile store promises of those who watch it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from serve_app.core.events import CatalogRefused, CatalogSwapped
from serve_app.core.ports import ProfileStore
from serve_app.state.live_catalog import LiveCatalog
from serve_app.store.watch import CatalogWatch
from serve_app.testing import ManualClock, RecordingEvents
from tests.builders import a_policy
from tests.catalogs import a_catalog
from tests.store.contracts.stores import InFolder, StoreUnderTest
from tests.waiting import GIVE_UP_S

FLEET = {"old", "new", "by-hand", "good", "fixed"}


async def test_changes_open_with_a_first_look(store: ProfileStore) -> None:
    async with asyncio.timeout(GIVE_UP_S), aclosing(store.changes()) as changes:
        await anext(changes)


async def test_nothing_is_reported_while_nothing_changes(store: ProfileStore) -> None:
    await store.publish(a_catalog(), by="ci")
    async with aclosing(store.changes()) as changes:
        await anext(changes)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.3):
                await anext(changes)


async def test_a_publication_by_another_process_comes_into_use(
    open_store: Callable[[], ProfileStore],
) -> None:
    publisher = open_store()
    await publisher.publish(a_catalog("old"), by="ci")
    async with _Watching(open_store()) as watching:
        await watching.events.wait_for(CatalogSwapped)

        version = await publisher.publish(a_catalog("new"), by="ci")
        async with asyncio.timeout(GIVE_UP_S):
            await watching.events.wait_for(CatalogSwapped, count=2)

        assert watching.catalog.current == a_catalog("new", version=version)


async def test_a_catalog_set_by_hand_comes_into_use(
    place: StoreUnderTest, open_store: Callable[[], ProfileStore], published_text: str
) -> None:
    await open_store().publish(a_catalog("old"), by="ci")
    async with _Watching(open_store()) as watching:
        await watching.events.wait_for(CatalogSwapped)

        await place.set_by_hand(published_text)
        async with asyncio.timeout(GIVE_UP_S):
            await watching.events.wait_for(CatalogSwapped, count=2)

        assert watching.catalog.current == a_catalog("by-hand", version="1")


async def test_a_bad_catalog_set_by_hand_is_refused_and_the_last_good_one_stays(
    place: StoreUnderTest, open_store: Callable[[], ProfileStore]
) -> None:
    publisher = open_store()
    await publisher.publish(a_catalog("good"), by="ci")
    async with _Watching(open_store()) as watching:
        await watching.events.wait_for(CatalogSwapped)

        await place.set_by_hand('{"schema": 99}')
        async with asyncio.timeout(GIVE_UP_S):
            refused = await watching.events.wait_for(CatalogRefused)

        assert "schema: got 99; it should be 1" in refused.reason
        assert watching.catalog.current == a_catalog("good", version="1")

        await publisher.publish(a_catalog("fixed"), by="ci")
        async with asyncio.timeout(GIVE_UP_S):
            await watching.events.wait_for(CatalogSwapped, count=2)

        assert watching.catalog.current is not None
        assert list(watching.catalog.current.profiles) == ["fixed"]


@pytest.fixture
async def published_text(tmp_path: Path) -> str:
    elsewhere = tmp_path / "elsewhere"
    await InFolder(elsewhere).open().publish(a_catalog("by-hand"), by="somebody")
    return (elsewhere / "active.json").read_text()


class _Watching:
    """A catalog watch that runs while a test looks at it."""

    def __init__(self, store: ProfileStore) -> None:
        self.events = RecordingEvents()
        self.catalog = LiveCatalog(ManualClock(), self.events, policy=a_policy(), pairs=())
        self._watch = CatalogWatch(store, self.catalog, fleet=FLEET, events=self.events)

    async def __aenter__(self) -> _Watching:
        self._task = asyncio.create_task(self._watch.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
