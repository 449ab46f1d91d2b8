"""What only the folder store does."""

from __future__ import annotations

import asyncio
import os
import shutil
from contextlib import aclosing
from pathlib import Path

import pytest

from serve_app.atomic_write import write_atomically
from serve_app.core.errors import CatalogInvalid, CatalogReplaced, StoreEmpty, StoreUnavailable
from serve_app.store.codec import encode_profile
from serve_app.store.file_store import FileStore
from tests.catalogs import a_catalog, a_profile
from tests.waiting import GIVE_UP_S


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    write(folder, "a")
    return folder


def write(folder: Path, pair: str, *, cold_start_s: float = 40.0) -> Path:
    path = folder / "small" / f"{pair}@CPU.json"
    write_atomically(path, encode_profile(a_profile(pair, cold_start_s=cold_start_s)))
    return path


async def test_a_folder_never_published_to_is_read_as_its_profile_files(folder: Path) -> None:
    write(folder, "b")

    assert sorted((await FileStore(folder).load()).profiles) == ["a", "b"]


async def test_the_version_of_profile_files_follows_what_they_say(folder: Path) -> None:
    store = FileStore(folder)
    first = (await store.load()).version

    write(folder, "a", cold_start_s=41.0)
    second = (await store.load()).version
    write(folder, "a")

    assert first.startswith("files-")
    assert second != first
    assert (await store.load()).version == first


async def test_a_publication_stands_above_the_profile_files(folder: Path) -> None:
    store = FileStore(folder)
    await store.publish(a_catalog("published"), by="ci")
    write(folder, "b")

    assert list((await store.load()).profiles) == ["published"]


async def test_every_publication_is_kept(folder: Path) -> None:
    store = FileStore(folder)
    await store.publish(a_catalog("first"), by="ci")
    await store.publish(a_catalog("second"), by="ci")

    assert (folder / "versions" / "2.json").read_text() == (folder / "active.json").read_text()
    assert '"pair": "first"' in (folder / "versions" / "1.json").read_text()


async def test_profile_files_never_published_can_be_what_a_publication_replaces(
    folder: Path,
) -> None:
    store = FileStore(folder)
    files = (await store.load()).version

    await store.publish(a_catalog("published"), by="ci", replacing=files)

    assert list((await store.load()).profiles) == ["published"]
    with pytest.raises(CatalogReplaced, match="version 1 is active and no longer files-"):
        await store.publish(a_catalog("late"), by="ci", replacing=files)


async def test_a_version_that_somebody_broke_is_named(folder: Path) -> None:
    store = FileStore(folder)
    await store.publish(a_catalog("a"), by="ci")
    (folder / "versions" / "1.json").write_text("{")

    with pytest.raises(CatalogInvalid, match=r"versions/1\.json"):
        await store.history()


async def test_publishing_leaves_nothing_unfinished_behind(folder: Path) -> None:
    await FileStore(folder).publish(a_catalog(), by="ci")

    assert sorted(entry.name for entry in os.scandir(folder)) == [
        ".publish.lock",
        "active.json",
        "small",
        "versions",
    ]


async def test_a_wrong_profile_file_is_named(folder: Path) -> None:
    (folder / "small" / "b@CPU.json").write_text("{")

    with pytest.raises(CatalogInvalid, match=r"small/b@CPU\.json: the document: .*Invalid JSON"):
        await FileStore(folder).load()


async def test_hidden_and_unfinished_files_are_not_read(folder: Path) -> None:
    hidden = folder / "..2025_11_22"
    hidden.mkdir()
    (hidden / "a@CPU.json").write_text("{")
    (folder / ".b@CPU.json.x.unfinished").write_text("{")

    assert list((await FileStore(folder).load()).profiles) == ["a"]


async def test_a_missing_folder_is_an_empty_store_that_cannot_be_watched(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "nowhere")

    with pytest.raises(StoreEmpty, match="measure some, or publish"):
        await store.load()
    async with aclosing(store.changes()) as changes:
        await anext(changes)
        with pytest.raises(StoreUnavailable, match="FileNotFoundError"):
            await anext(changes)


async def test_a_folder_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(StoreUnavailable, match=r"NotADirectoryError|FileExistsError"):
        await FileStore(tmp_path / "file").publish(a_catalog(), by="ci")


@pytest.mark.parametrize("happening", ["new model", "replaced", "in place", "removed", "remade"])
async def test_what_happens_to_a_profile_file_is_noticed(folder: Path, happening: str) -> None:
    path = write(folder, "b")
    async with aclosing(FileStore(folder).changes()) as changes:
        await anext(changes)

        match happening:
            case "new model":
                write(folder / "deeper", "c")
            case "replaced":
                write(folder, "b", cold_start_s=41.0)
            case "in place":
                path.write_text("{")
            case "removed":
                path.unlink()
            case "remade":
                shutil.rmtree(folder)
                write(folder, "c")
        async with asyncio.timeout(GIVE_UP_S):
            await anext(changes)


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "active.json"
    write_atomically(path, "old")

    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "new \ud800")

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
