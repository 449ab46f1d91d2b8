"""Publishing a folder of profiles."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from profiles.publishing.publish import preview, publish
from serve_app.adapters.profile_codec import encode_profile
from serve_app.core.errors import CatalogInvalid, StoreEmpty, StoreUnavailable
from serve_app.core.profile import Hardware, Profile, TaskAccuracy
from serve_app.testing import MemoryStore
from tests.catalogs import a_profile, a_surface, accuracy


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def write(folder: Path, *profiles: Profile) -> None:
    for profile in profiles:
        path = folder / profile.model / f"{profile.pair}@{profile.hardware.accelerator}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(encode_profile(profile))


async def test_the_folder_becomes_the_active_catalog(folder: Path) -> None:
    store = MemoryStore()
    write(folder, a_profile("a"), a_profile("b"))

    published = await publish(folder, store, by="ci")

    active = await store.load()
    assert active.version == published.version
    assert dict(active.profiles) == {"a": a_profile("a"), "b": a_profile("b")}


async def test_a_first_catalog_says_what_each_pair_is(folder: Path) -> None:
    write(folder, a_profile("a"))

    first, added = (await publish(folder, MemoryStore(), by="ci")).changes

    assert "first catalog" in first
    assert added.startswith("a: added, ")
    assert "accuracy 0.600 on 120 items" in added
    assert "TTFT p95 120 ms at concurrency 1, 32 prompt tokens" in added


async def test_pairs_that_come_and_go_are_named(folder: Path) -> None:
    store = MemoryStore()
    write(folder, a_profile("stays"), a_profile("goes"))
    await publish(folder, store, by="ci")
    (folder / "small" / "goes@CPU.json").unlink()
    write(folder, a_profile("comes"))

    changes = (await publish(folder, store, by="ci")).changes

    assert [line.split(",")[0] for line in changes] == ["comes: added", "goes: removed"]


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (
            a_profile("a", hardware=Hardware(accelerator="CPU", count=1, usd_per_hour=0.05)),
            "USD per million completion tokens (+25.0%)",
        ),
        (
            a_profile(
                "a",
                accuracy={
                    "overall": accuracy(0.6),
                    "code": TaskAccuracy(mean=0.5, lower=0.3, items=30),
                },
            ),
            "accuracy code 0.400 (at least 0.200, 120 items) -> 0.500 (at least 0.300, 30 items)",
        ),
        (
            a_profile("a", accuracy={"overall": accuracy(0.6)}),
            "accuracy code 0.400 (at least 0.200, 120 items) -> not measured",
        ),
        (
            a_profile("a", latency=a_surface(ttft_ms=100)),
            "TTFT p95 120 -> 150 ms (+25.0%) at concurrency 1, 32 prompt tokens",
        ),
        (a_profile("a", cold_start_s=90), "a: differs in cold_start_s"),
    ],
)
async def test_what_moved_is_told_in_numbers(folder: Path, after: Profile, told: str) -> None:
    store = MemoryStore()
    write(folder, a_profile("a"))
    await publish(folder, store, by="ci")
    write(folder, after)

    assert any(told in line for line in await preview(folder, store))


async def test_the_same_profiles_change_nothing(folder: Path) -> None:
    store = MemoryStore()
    write(folder, a_profile("a"))
    await publish(folder, store, by="ci")

    assert await preview(folder, store) == ()


async def test_a_preview_writes_nothing(folder: Path) -> None:
    store = MemoryStore()
    write(folder, a_profile("a"))

    await preview(folder, store)

    with pytest.raises(StoreEmpty):
        await store.load()


async def test_an_unsound_profile_is_refused_with_its_file_named(folder: Path) -> None:
    store = MemoryStore()
    write(folder, a_profile("a"))
    await publish(folder, store, by="ci")
    grids = a_surface().ttft_ms
    write(
        folder, a_profile("b", latency=replace(a_surface(), ttft_ms=replace(grids, p50=((1.0,),))))
    )

    with pytest.raises(CatalogInvalid, match=r"small/b@CPU\.json: latency\.ttft_ms\.p50"):
        await publish(folder, store, by="ci")

    assert list((await store.load()).profiles) == ["a"]


async def test_two_files_for_one_pair_are_refused(folder: Path) -> None:
    write(folder, a_profile("a"), a_profile("a", model="other"))

    with pytest.raises(CatalogInvalid, match=r"pair 'a' is also in other/a@CPU\.json"):
        await publish(folder, MemoryStore(), by="ci")


async def test_a_broken_active_catalog_is_replaced_and_said_so(folder: Path) -> None:
    store = MemoryStore()
    store.put("{")
    write(folder, a_profile("a"))

    published = await publish(folder, store, by="ci")

    assert published.changes[0].startswith("replaces a broken one")
    assert list((await store.load()).profiles) == ["a"]


async def test_a_store_that_is_down_is_not_taken_for_an_empty_one(folder: Path) -> None:
    store = MemoryStore()
    store.go_down()
    write(folder, a_profile("a"))

    with pytest.raises(StoreUnavailable, match="down"):
        await preview(folder, store)
