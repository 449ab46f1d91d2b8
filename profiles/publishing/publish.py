"""Makes a folder of measured profiles the active catalog, and says what that changes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from profiles.publishing.diff import catalog_changes
from serve_app.adapters.store_file import read_profiles
from serve_app.core.catalog import Catalog
from serve_app.core.errors import CatalogInvalid, StoreEmpty
from serve_app.core.ports import ProfileStore

__all__ = ["Published", "preview", "publish", "read_profiles"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The new version, and one line for each thing it changed."""

    version: str
    changes: tuple[str, ...]


async def preview(folder: Path, store: ProfileStore) -> tuple[str, ...]:
    """What `publish` would change, with nothing written."""
    return await _changes(store, read_profiles(folder))


async def publish(folder: Path, store: ProfileStore, *, by: str) -> Published:
    """Makes the profiles below `folder` the active catalog of `store`.

    Raises `CatalogInvalid` when one of them is unsound, or `StoreUnavailable`, with the active
    catalog as it was.
    """
    catalog = read_profiles(folder)
    changes = await _changes(store, catalog)
    version = await store.publish(catalog, by=by)
    return Published(version=version, changes=changes)


async def _changes(store: ProfileStore, catalog: Catalog) -> tuple[str, ...]:
    try:
        active = await store.load()
    except StoreEmpty:
        return ("the first catalog in this store", *catalog_changes(None, catalog))
    except CatalogInvalid as exc:
        return (f"replaces a broken one: {exc}", *catalog_changes(None, catalog))
    return catalog_changes(active, catalog)
