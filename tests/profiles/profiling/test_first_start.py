"""The first start scales shipped profiles; later ones leave the store alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import httpx2
import pytest

from profiles.profiling.first_start import BY, Scaling, scale_on_first_start
from profiles.profiling.scale import SingleRequest, measure_single_requests
from serve_app.core.errors import EngineFailed
from serve_app.core.profile import Profile
from serve_app.store.codec import encode_profile
from serve_app.store.file_store import FileStore
from serve_app.testing import Script
from tests.api.apps import an_app
from tests.builders import a_profile
from tests.gateways import gateway_under_test
from tests.http_server import serving

CHEAP, DEAR = a_profile("cheap"), a_profile("dear")


def a_folder(folder: Path, *profiles: Profile) -> FileStore:
    folder.mkdir()
    for profile in profiles:
        (folder / f"{profile.pair}.json").write_text(encode_profile(profile))
    return FileStore(folder)


@pytest.fixture
def client() -> Iterator[httpx2.Client]:
    """A router whose pair `cheap` answers and whose pair `dear` fails."""
    scripts = {
        "cheap": Script(tokens=("a", "b", "c", "d"), prompt_tokens=50),
        "dear": Script(error=EngineFailed("dear", "died")),
    }
    with (
        serving(an_app(gateway_under_test(scripts))) as url,
        httpx2.Client(base_url=url) as client,
    ):
        yield client


@pytest.fixture
def fallback(tmp_path: Path) -> FileStore:
    return a_folder(tmp_path / "shipped", CHEAP, DEAR)


async def scaling(
    store: FileStore, fallback: FileStore, client: httpx2.Client, *pairs: str
) -> tuple[Scaling | None, list[str]]:
    progress: list[str] = []
    ticks = count()

    def measure(client: httpx2.Client, pair: str) -> tuple[SingleRequest, ...]:
        # The fake engine is faster than any machine: each token takes 50 ms on this clock.
        return measure_single_requests(client, pair, now=lambda: next(ticks) / 20)

    found = await scale_on_first_start(
        store, fallback, pairs, client=client, progress=progress.append, measure=measure
    )
    return found, progress


async def test_an_empty_store_gets_the_shipped_profiles_scaled(
    tmp_path: Path, fallback: FileStore, client: httpx2.Client
) -> None:
    store = FileStore(tmp_path / "store")

    found, progress = await scaling(store, fallback, client, "cheap")

    published = await store.load()
    assert found is not None
    assert (list(found.factors), found.failed, progress) == (["cheap"], {}, ["cheap"])
    assert published.version == found.version
    assert published.profiles["cheap"].provenance.origin == "scaled"
    assert published.profiles["dear"] == DEAR
    assert (await store.history())[0].by == BY


async def test_a_folder_of_profiles_that_was_never_published_is_scaled(
    tmp_path: Path, fallback: FileStore, client: httpx2.Client
) -> None:
    store = a_folder(tmp_path / "store", CHEAP)

    found, _ = await scaling(store, fallback, client, "cheap")

    assert found is not None
    assert (await store.load()).profiles["cheap"].provenance.origin == "scaled"
    assert (tmp_path / "store" / "cheap.json").read_text() == encode_profile(CHEAP)


async def test_a_second_start_measures_nothing(
    tmp_path: Path, fallback: FileStore, client: httpx2.Client
) -> None:
    store = FileStore(tmp_path / "store")
    await scaling(store, fallback, client, "cheap")
    before = await store.load()

    found, progress = await scaling(store, fallback, client, "cheap")

    assert (found, progress) == (None, [])
    assert await store.load() == before


@pytest.mark.parametrize("pairs", [("cheap", "dear"), ("dear",)], ids=["one", "all"])
async def test_nothing_is_scaled_when_a_pair_cannot_be_timed(
    tmp_path: Path, fallback: FileStore, client: httpx2.Client, pairs: tuple[str, ...]
) -> None:
    store = FileStore(tmp_path / "store")

    found, _ = await scaling(store, fallback, client, *pairs)

    assert found is not None
    assert (found.factors, list(found.failed)) == ({}, ["dear"])
    assert await store.history() == ()


async def test_profiles_of_published_figures_are_left_alone(
    tmp_path: Path, client: httpx2.Client
) -> None:
    published = replace(CHEAP, provenance=replace(CHEAP.provenance, origin="published"))
    store = a_folder(tmp_path / "store", published)

    assert await scaling(store, store, client, "cheap") == (None, [])
