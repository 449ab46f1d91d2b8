"""Which profile store a command means, and who is asking."""

from __future__ import annotations

import asyncio
import getpass
import os
import platform
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from profiles.cli.options import DEFAULT_CONFIG, fail, failing_on

if TYPE_CHECKING:
    from serve_app.core.catalog import Catalog
    from serve_app.core.policy import Policy
    from serve_app.core.ports import ProfileStore
    from serve_app.settings import PairSettings

ACTIVE = "active"
StoreOption = Annotated[
    str | None,
    typer.Option(help="redis://host:port/db, or a folder; the fleet file's store if not given."),
]
FloorOption = Annotated[
    float | None,
    typer.Option(
        min=0, max=1, help="The accuracy that requests ask for; the fleet file's default if none."
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The store to publish in, and the accuracy floor that its profiles have to decide.

    `pairs` are those of the fleet file, and `policy` is what its `routing` states; `None` without
    one. `options` names the store again in a command, without a password.
    """

    url: str
    floor: float | None
    options: tuple[str, ...]
    pairs: tuple[PairSettings, ...] | None = None
    policy: Policy | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[ProfileStore]:
        """Raises `ValueError` for an address of no store."""
        from serve_app.store.open_store import open_store

        store = open_store(self.url)
        try:
            yield store
        finally:
            await store.close()

    def catalog(self, version: str = ACTIVE) -> Catalog:
        """The active catalog, or an earlier version. Raises `CatalogError` or `ValueError`."""

        async def loaded() -> Catalog:
            async with self.opened() as store:
                return await (store.load() if version == ACTIVE else store.version(version))

        return asyncio.run(loaded())


def target(store: str | None, fleet: Path, floor: float | None) -> Target:
    """What options and the fleet file say; ends the command when neither names a store."""
    from serve_app.settings.config_file import ConfigFileError, read_config
    from serve_app.settings.secrets import REFERENCE, SecretMissing, resolved_address
    from serve_app.store_address import password_of, without_password

    named: tuple[str, ...] = ()
    if store is not None:
        by_reference = REFERENCE.fullmatch(password_of(store) or "")
        named = ("--store", store if by_reference else without_password(store))
    if store is not None and fleet == DEFAULT_CONFIG and not fleet.exists():
        with failing_on(SecretMissing):
            return Target(url=resolved_address(store), floor=floor, options=named)
    try:
        args = read_config(fleet).args
    except ConfigFileError as exc:
        fail(f"{exc}\nname the store with --store, or its fleet file with --fleet")
    with failing_on(SecretMissing):
        url = resolved_address(store if store is not None else args.store.url)
    # Folders in a fleet file are relative to it.
    if store is None and "://" not in url:
        url = str(fleet.parent / url)
    return Target(
        url=url,
        floor=args.routing.defaults.min_accuracy if floor is None else floor,
        options=(*named, *(() if fleet == DEFAULT_CONFIG and named else ("--fleet", str(fleet)))),
        pairs=args.pairs,
        policy=args.routing.policy,
    )


def publisher() -> str:
    """This user on this machine; containers may have users without a name."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"user-{os.getuid()}"
    return f"{user}@{platform.node()}"
