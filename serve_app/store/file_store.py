"""A folder of JSON files as profile store: the embedded default.

`active.json` is the published catalog and `versions/<n>.json` every one before it. A folder
without `active.json` is read as its profile files, all other `*.json` below it. Names that open
with a dot are never read.
"""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import aclosing, contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from watchfiles import awatch

from serve_app.atomic_write import write_atomically
from serve_app.core.catalog import Catalog, Version
from serve_app.core.errors import (
    CatalogError,
    CatalogInvalid,
    StoreEmpty,
    StoreUnavailable,
    VersionUnknown,
)
from serve_app.core.profile import Profile
from serve_app.store.codec import (
    catalog_of_files,
    decode_catalog,
    decode_profile,
    decode_version,
    encode_catalog,
    next_version,
    publication,
    published_version,
    refuse_when_replaced,
)

ACTIVE = "active.json"
VERSIONS = "versions"
LOCK = ".publish.lock"

# Notifications come at once; this look at the folder is for those that never come, as on
# network file systems or in a folder made a moment ago.
LOOK_EVERY_MS = 1000
DEBOUNCE_MS = 100

Stamp = tuple[tuple[str, int, int, int], ...]


P = ParamSpec("P")
T = TypeVar("T")


@contextmanager
def _file_errors_of(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise StoreUnavailable(str(folder), f"{type(exc).__name__}: {exc}") from exc


def _in_thread(
    method: Callable[Concatenate[FileStore, P], T],
) -> Callable[Concatenate[FileStore, P], Coroutine[Any, Any, T]]:
    """Runs a method that reads or writes files in a thread."""

    @wraps(method)
    async def run(self: FileStore, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with _file_errors_of(self._folder):
            return await asyncio.to_thread(method, self, *args, **kwargs)

    return run


class FileStore:
    """A `ProfileStore` in a folder, for any number of readers and publishers on one machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._active = folder / ACTIVE

    @_in_thread
    def load(self) -> Catalog:
        try:
            text = self._active.read_bytes()
        except FileNotFoundError:
            return read_profiles(self._folder)
        return decode_catalog(text, str(self._active))

    async def changes(self) -> AsyncGenerator[None, None]:
        with _file_errors_of(self._folder):
            seen = await asyncio.to_thread(self._stamp)
            yield
            async with aclosing(
                awatch(
                    self._folder,
                    watch_filter=None,
                    debounce=DEBOUNCE_MS,
                    rust_timeout=LOOK_EVERY_MS,
                    yield_on_timeout=True,
                )
            ) as looks:
                async for _ in looks:
                    stamp = await asyncio.to_thread(self._stamp)
                    if stamp != seen:
                        seen = stamp
                        yield

    @_in_thread
    def publish(
        self,
        catalog: Catalog,
        *,
        by: str,
        note: str = "",
        restores: str | None = None,
        replacing: str | None = None,
    ) -> str:
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / LOCK).open("w") as lock:
            # One publisher at a time, until the file is closed.
            fcntl.flock(lock, fcntl.LOCK_EX)
            active = None
            if self._active.exists():
                active = published_version(self._active.read_bytes())
            else:
                with suppress(CatalogError):
                    active = read_profiles(self._folder).version
            refuse_when_replaced(str(self._folder), expected=replacing, active=active)
            version = next_version([active, *self._versions()])
            published = publication(catalog, version, by=by, note=note, restores=restores)
            text = encode_catalog(catalog, published)
            write_atomically(self._folder / VERSIONS / f"{version}.json", text)
            write_atomically(self._active, text)
        return version

    @_in_thread
    def history(self) -> tuple[Version, ...]:
        paths = [self._folder / VERSIONS / f"{version}.json" for version in self._versions()]
        return tuple(decode_version(path.read_bytes(), str(path)) for path in paths)

    @_in_thread
    def version(self, version: str) -> Catalog:
        known = self._versions()
        if version not in known:
            raise VersionUnknown(str(self._folder), version, tuple(known))
        path = self._folder / VERSIONS / f"{version}.json"
        return decode_catalog(path.read_bytes(), str(path))

    async def close(self) -> None:
        """Nothing stays open between calls."""

    def _versions(self) -> list[str]:
        """Every version kept here, newest first."""
        stems = (path.stem for path in (self._folder / VERSIONS).glob("*.json"))
        return sorted((stem for stem in stems if stem.isdecimal()), key=int, reverse=True)

    def _stamp(self) -> Stamp:
        """Changes whenever what `load` would read is written or replaced."""
        paths = [self._active] if self._active.exists() else _profile_files(self._folder)
        stats = ((str(path), path.stat()) for path in paths)
        return tuple((path, stat.st_mtime_ns, stat.st_size, stat.st_ino) for path, stat in stats)


def read_profiles(folder: Path) -> Catalog:
    """All profile files below a folder, whatever was published in it.

    Raises `CatalogInvalid` naming every wrong file, `StoreEmpty` when there is none.
    """
    paths = _profile_files(folder)
    if not paths:
        raise StoreEmpty(str(folder), "has no profiles: measure some, or publish a catalog there")
    profiles: dict[str, Profile] = {}
    problems: list[str] = []
    for path in paths:
        place = str(path.relative_to(folder))
        try:
            profiles[place] = decode_profile(path.read_bytes(), str(path))
        except CatalogInvalid as exc:
            problems += (f"{place}: {problem}" for problem in exc.problems)
    if problems:
        raise CatalogInvalid(str(folder), tuple(problems))
    return catalog_of_files(profiles, str(folder))


def _profile_files(folder: Path) -> list[Path]:
    inside = {path: path.relative_to(folder).parts for path in folder.rglob("*.json")}
    return sorted(
        path
        for path, parts in inside.items()
        if parts[0] not in {ACTIVE, VERSIONS} and not any(part.startswith(".") for part in parts)
    )
