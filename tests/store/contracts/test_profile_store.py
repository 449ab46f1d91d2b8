"""What every profile store promises of what is published in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from serve_app.core.catalog import Catalog
from serve_app.core.errors import CatalogInvalid, CatalogReplaced, StoreEmpty, VersionUnknown
from serve_app.core.ports import ProfileStore
from tests.catalogs import a_catalog, a_profile, a_surface
from tests.store.contracts.stores import StoreUnderTest


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


async def test_the_history_says_what_was_published_by_whom_and_when_newest_first(
    open_store: Callable[[], ProfileStore],
) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    await open_store().publish(a_catalog("a"), by="ann")
    await open_store().publish(a_catalog("a", "b"), by="ben", note="b is new")
    await open_store().publish(a_catalog("a"), by="cleo", restores="1")

    newest, second, oldest = await open_store().history()

    assert (newest.version, newest.by, newest.restores) == ("3", "cleo", "1")
    assert (second.version, second.pairs, second.note) == ("2", ("a", "b"), "b is new")
    assert (oldest.version, oldest.by, oldest.restores) == ("1", "ann", None)
    times = [datetime.fromisoformat(each.published_at) for each in (oldest, newest)]
    assert before <= times[0] <= times[1] <= datetime.now(UTC)


async def test_a_store_with_nothing_published_has_no_history(store: ProfileStore) -> None:
    assert await store.history() == ()


async def test_the_history_goes_on_past_the_ninth_version(store: ProfileStore) -> None:
    for _ in range(11):
        await store.publish(a_catalog(), by="ci")

    versions = [published.version for published in await store.history()]

    assert versions == [str(number) for number in range(11, 0, -1)]


async def test_any_version_can_be_read_again(store: ProfileStore) -> None:
    await store.publish(a_catalog("old"), by="ci")
    await store.publish(a_catalog("new"), by="ci")

    assert await store.version("1") == a_catalog("old", version="1")
    assert await store.version("2") == await store.load()


@pytest.mark.parametrize("version", ["3", "01", "", "../active", "files-12ab"])
async def test_a_version_that_was_never_published_is_refused_with_the_known_ones(
    store: ProfileStore, version: str
) -> None:
    await store.publish(a_catalog(), by="ci")
    await store.publish(a_catalog(), by="ci")

    with pytest.raises(VersionUnknown, match="it has: '2', '1'"):
        await store.version(version)


async def test_a_publication_that_replaces_another_than_the_active_one_changes_nothing(
    open_store: Callable[[], ProfileStore],
) -> None:
    await open_store().publish(a_catalog("seen"), by="ci")
    await open_store().publish(a_catalog("faster"), by="somebody else")

    with pytest.raises(CatalogReplaced, match="version 2 is active and no longer 1"):
        await open_store().publish(a_catalog("late"), by="ci", replacing="1")

    assert list((await open_store().load()).profiles) == ["faster"]
    assert len(await open_store().history()) == 2
    assert await open_store().publish(a_catalog("late"), by="ci", replacing="2") == "3"


async def test_of_publishers_that_replace_the_same_version_one_succeeds(
    open_store: Callable[[], ProfileStore],
) -> None:
    first = await open_store().publish(a_catalog("first"), by="ci")

    outcomes = await asyncio.gather(
        *(open_store().publish(a_catalog(f"pair-{n}"), by="ci", replacing=first) for n in range(5)),
        return_exceptions=True,
    )

    assert [outcome for outcome in outcomes if isinstance(outcome, str)] == ["2"]
    assert sum(isinstance(outcome, CatalogReplaced) for outcome in outcomes) == 4


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
