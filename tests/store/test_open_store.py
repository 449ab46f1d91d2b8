"""Which store an address means."""

from __future__ import annotations

from pathlib import Path

import pytest

from serve_app.store.file_store import FileStore
from serve_app.store.open_store import open_store
from serve_app.store.redis_store import RedisStore
from tests.catalogs import a_catalog


@pytest.mark.parametrize("scheme", ["redis", "rediss"])
async def test_redis_addresses_open_redis(scheme: str) -> None:
    store = open_store(f"{scheme}://redis.internal:6379/2")

    assert isinstance(store, RedisStore)
    await store.close()


@pytest.mark.parametrize("form", ["{}", "file://{}", "file://localhost{}"])
async def test_folders_are_named_by_path_or_file_address(tmp_path: Path, form: str) -> None:
    folder = tmp_path / "a folder"
    await FileStore(folder).publish(a_catalog("a"), by="ci")

    catalog = await open_store(form.format(folder)).load()

    assert list(catalog.profiles) == ["a"]


def test_an_installed_package_is_no_store() -> None:
    with pytest.raises(ValueError, match="nothing is published there"):
        open_store("package:profiles/data")


@pytest.mark.parametrize(
    "url", ["http://redis:6379", "s3://bucket/profiles", "file://host/folder", "file://", "://x"]
)
def test_any_other_address_is_refused_with_the_known_ones(url: str) -> None:
    with pytest.raises(ValueError, match=r"'redis://host:port/db'.*'file:///folder'"):
        open_store(url)
