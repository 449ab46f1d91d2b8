"""Chooses the profile store for an address."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from serve_app.core.ports import ProfileStore
from serve_app.package_files import PREFIX
from serve_app.store.file_store import FileStore
from serve_app.store.redis_store import RedisStore
from serve_app.store_address import REDIS_SCHEMES


def open_store(url: str) -> ProfileStore:
    """The store at `redis://`, `rediss://`, `file:///folder` or a plain folder path.

    A Redis address may end with `?namespace=NAME`. Nothing is connected or read yet. Raises
    `ValueError` for any other address.
    """
    if url.startswith(PREFIX):
        raise ValueError(
            f"{url!r} is inside an installed package, and nothing is published there; name a "
            "folder or 'redis://host:port/db'"
        )
    if (folder := store_folder(url)) is not None:
        return FileStore(folder)
    if urlsplit(url).scheme in REDIS_SCHEMES:
        return RedisStore(url)
    scheme, _, _ = url.partition("://")
    raise ValueError(
        f"no profile store at an address with {scheme!r}: it should be 'redis://host:port/db', "
        "'rediss://...', 'file:///folder' with an absolute path, or the path of a folder"
    )


def store_folder(url: str) -> Path | None:
    """The folder that a store's address means, `None` if it means none."""
    if "://" not in url:
        return Path(url)
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in {"", "localhost"} and parts.path:
        return Path(unquote(parts.path))
    return None
