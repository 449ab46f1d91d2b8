"""Publishing a folder of profiles, and going back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from profiles.publishing.publish import (
    Draft,
    NothingBefore,
    commit,
    draft_catalog,
    draft_folder,
    draft_rollback,
)
from serve_app.core.catalog import Catalog
from serve_app.core.decide import decide
from serve_app.core.errors import (
    CatalogInvalid,
    CatalogReplaced,
    StoreEmpty,
    StoreUnavailable,
    VersionUnknown,
)
from serve_app.core.profile import GoldenResult, Hardware, Profile
from serve_app.core.request import Constraints
from serve_app.testing import MemoryStore
from tests import builders
from tests.catalogs import a_catalog, a_profile, a_surface, write_profile


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def write(folder: Path, *profiles: Profile) -> None:
    for profile in profiles:
        write_profile(folder, profile)


async def publish(folder: Path, store: MemoryStore) -> tuple[Draft, str]:
    draft = await draft_folder(folder, store, floor=None)
    return draft, await commit(draft, store, by="ci")


async def publish_pairs(store: MemoryStore, *pairs: str) -> str:
    return await commit(await draft_catalog(a_catalog(*pairs), store, floor=None), store, by="ci")


async def go_back(store: MemoryStore, *, to: str | None = None) -> list[str]:
    """The pairs that are active afterwards."""
    await commit(await draft_rollback(store, to=to), store, by="ci")
    return list((await store.load()).profiles)


async def test_the_folder_becomes_the_active_catalog(folder: Path, store: MemoryStore) -> None:
    write(folder, a_profile("a"), a_profile("b"))

    _, version = await publish(folder, store)

    active = await store.load()
    assert active.version == version
    assert dict(active.profiles) == {"a": a_profile("a"), "b": a_profile("b")}


async def test_a_first_catalog_says_so(folder: Path, store: MemoryStore) -> None:
    write(folder, a_profile("a"))

    draft, _ = await publish(folder, store)

    assert "first catalog" in draft.changes[0]


async def test_the_same_profiles_change_nothing(folder: Path, store: MemoryStore) -> None:
    write(folder, a_profile("a"))
    await publish(folder, store)

    assert (await draft_folder(folder, store, floor=None)).changes == ()


async def test_a_draft_writes_nothing(folder: Path, store: MemoryStore) -> None:
    write(folder, a_profile("a"))

    await draft_folder(folder, store, floor=None)

    with pytest.raises(StoreEmpty):
        await store.load()


async def test_an_unsound_profile_is_refused_with_its_file_named(
    folder: Path, store: MemoryStore
) -> None:
    write(folder, a_profile("a"))
    await publish(folder, store)
    grids = a_surface().ttft_ms
    write(
        folder, a_profile("b", latency=replace(a_surface(), ttft_ms=replace(grids, p50=((1.0,),))))
    )

    with pytest.raises(CatalogInvalid, match=r"small/b@CPU\.json: latency\.ttft_ms\.p50"):
        await draft_folder(folder, store, floor=None)


async def test_two_files_for_one_pair_are_refused(folder: Path, store: MemoryStore) -> None:
    write(folder, a_profile("a"), a_profile("a", model="other"))

    with pytest.raises(CatalogInvalid, match=r"pair 'a' is also in other/a@CPU\.json"):
        await draft_folder(folder, store, floor=None)


async def test_every_impossible_profile_is_named_before_anything_changes(
    folder: Path, store: MemoryStore
) -> None:
    await publish_pairs(store, "before")
    free = Hardware(accelerator="CPU", count=1, usd_per_hour=0)
    write(folder, a_profile("a", hardware=free), a_profile("b", hardware=free), a_profile("good"))

    draft = await draft_folder(folder, store, floor=None)

    assert [(found.pair, found.field) for found in draft.refused] == [
        ("a", "hardware.usd_per_hour"),
        ("b", "hardware.usd_per_hour"),
    ]
    with pytest.raises(CatalogInvalid, match=r"a: hardware.*b: hardware"):
        await commit(draft, store, by="ci")
    assert list((await store.load()).profiles) == ["before"]


async def test_a_warning_does_not_keep_a_profile_from_being_published(store: MemoryStore) -> None:
    quantized = replace(a_profile("a"), parent="small-bf16")

    draft = await draft_catalog(Catalog.of("x", [quantized]), store, floor=None)
    await commit(draft, store, by="ci")

    assert [found.field for found in draft.warnings] == ["golden"]
    assert list((await store.load()).profiles) == ["a"]


async def test_a_broken_active_catalog_is_replaced_and_said_so(
    folder: Path, store: MemoryStore
) -> None:
    store.put("{")
    write(folder, a_profile("a"))

    draft, _ = await publish(folder, store)

    assert draft.changes[0].startswith("replaces a broken one")
    assert list((await store.load()).profiles) == ["a"]


async def test_a_store_that_is_down_is_not_taken_for_an_empty_one(
    folder: Path, store: MemoryStore
) -> None:
    store.go_down()
    write(folder, a_profile("a"))

    with pytest.raises(StoreUnavailable, match="down"):
        await draft_folder(folder, store, floor=None)


async def test_a_draft_is_not_published_over_what_came_after_it(store: MemoryStore) -> None:
    await publish_pairs(store, "first")
    draft = await draft_catalog(a_catalog("late"), store, floor=None)
    await publish_pairs(store, "faster")

    with pytest.raises(CatalogReplaced):
        await commit(draft, store, by="ci")

    assert list((await store.load()).profiles) == ["faster"]


async def test_a_pair_whose_golden_set_failed_is_published_and_no_longer_chosen(
    store: MemoryStore,
) -> None:
    best = builders.a_profile("best", usd_per_hour=0.1)
    broken = replace(best, golden=GoldenResult(passed=False, reason="it serves BF16, not INT8"))
    for profile in (best, broken):
        catalog = Catalog.of("x", [profile, builders.a_profile("other", usd_per_hour=2)])
        draft = await draft_catalog(catalog, store, floor=None)
        await commit(draft, store, by="ci")

    decision = decide(
        decision_id="d",
        features=builders.features(),
        constraints=Constraints(),
        pairs=[builders.a_pair("best"), builders.a_pair("other")],
        catalog=await store.load(),
        load=builders.idle_load("best", "other"),
        policy=builders.a_policy(reference_pair="other"),
    )

    assert draft.changes == ("best: now not eligible: it serves BF16, not INT8",)
    assert decision.chosen == "other"
    (rejection,) = decision.rejected
    assert (rejection.pair, rejection.rule) == ("best", "golden")
    assert rejection.got == "it serves BF16, not INT8"


async def test_a_rollback_publishes_what_was_active_before_as_a_new_version(
    store: MemoryStore,
) -> None:
    await publish_pairs(store, "old")
    await publish_pairs(store, "new")

    draft = await draft_rollback(store)
    version = await commit(draft, store, by="ann", note="new is too slow")

    assert [line.split(",")[0] for line in draft.changes] == ["new: removed", "old: added"]
    assert await store.load() == a_catalog("old", version="3")
    newest = (await store.history())[0]
    assert (newest.version, newest.restores, newest.by) == (version, "1", "ann")
    assert newest.note == "new is too slow"


async def test_going_back_twice_goes_back_two_steps(store: MemoryStore) -> None:
    for pair in ("first", "second", "third"):
        await publish_pairs(store, pair)

    assert await go_back(store) == ["second"]
    assert await go_back(store) == ["first"]
    with pytest.raises(NothingBefore, match="version 5"):
        await draft_rollback(store)


async def test_what_came_after_a_rollback_is_taken_back_to_it(store: MemoryStore) -> None:
    await publish_pairs(store, "good")
    await publish_pairs(store, "bad")
    await go_back(store)
    await publish_pairs(store, "worse")

    assert await go_back(store) == ["good"]


async def test_a_rollback_can_name_its_version(store: MemoryStore) -> None:
    for pair in ("first", "second", "third"):
        await publish_pairs(store, pair)

    assert await go_back(store, to="1") == ["first"]
    with pytest.raises(VersionUnknown):
        await draft_rollback(store, to="9")


async def test_a_catalog_set_by_hand_goes_back_to_the_last_publication(store: MemoryStore) -> None:
    await publish_pairs(store, "published")
    store.put("{")

    assert await go_back(store) == ["published"]


async def test_an_empty_store_has_nothing_to_go_back_to(store: MemoryStore) -> None:
    with pytest.raises(NothingBefore):
        await draft_rollback(store)
