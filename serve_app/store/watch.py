"""Hot reload: publishes the newest good catalog of a store, whatever happens to the store."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Collection
from contextlib import aclosing
from dataclasses import KW_ONLY, dataclass
from typing import Protocol

from serve_app.background import RetryDelays
from serve_app.core.catalog import Catalog
from serve_app.core.errors import CatalogInvalid, StoreUnavailable, quoted
from serve_app.core.events import CatalogRefused, CatalogSwapped, StoreLost
from serve_app.core.ports import Events, ProfileStore

RECONNECT_DELAYS = RetryDelays()
logger = logging.getLogger(__name__)


class CatalogReceiver(Protocol):
    """What takes the catalogs of a store."""

    def publish(self, catalog: Catalog) -> None:
        """Takes a good catalog. Raises `CatalogInvalid` for a policy that it cannot use."""
        ...

    def refuse(self, reason: str | None) -> None:
        """Takes why the store's active catalog is not in use. `None` means that it is usable."""
        ...


@dataclass
class CatalogWatch:
    """Hands each other good catalog of the store to `catalog`.

    A catalog that fails validation or has a profile of no pair in `fleet`, or a store that is
    down, publishes nothing. Before the first publication it asks `fallback` for a catalog.
    """

    store: ProfileStore
    catalog: CatalogReceiver
    _: KW_ONLY
    fleet: Collection[str]
    events: Events
    fallback: ProfileStore | None = None
    delays: RetryDelays = RECONNECT_DELAYS
    chance: Callable[[], float] = random.random
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    def __post_init__(self) -> None:
        self._published: Catalog | None = None
        self._failures = 0
        self._settled = asyncio.Event()

    async def settled(self) -> None:
        """Returns once the first attempt is over, with or without a catalog."""
        await self._settled.wait()

    async def run(self) -> None:
        """Follows the store until cancelled."""
        while True:
            try:
                async with aclosing(self.store.changes()) as changes:
                    async for _ in changes:
                        await self._reload()
                        self._failures = 0
            except StoreUnavailable as exc:
                await self._lost(str(exc))
            except Exception as exc:
                # Whatever breaks in reading a catalog, requests go on with the last good one.
                logger.exception("the catalog watch failed and starts again")
                await self._lost(f"{type(exc).__name__}: {exc}")
            await self.sleep(self.delays.delay_s(self._failures, self.chance()))

    async def _reload(self) -> None:
        try:
            self._swap(await self.store.load())
        except CatalogInvalid as exc:
            self.catalog.refuse(str(exc))
            self.events.emit(CatalogRefused(reason=str(exc)))
            await self._use_fallback()
        else:
            self.catalog.refuse(None)
        self._settled.set()

    async def _lost(self, reason: str) -> None:
        self._failures += 1
        if self._failures == 1:
            self.events.emit(StoreLost(reason=reason))
        await self._use_fallback()
        self._settled.set()

    async def _use_fallback(self) -> None:
        if self._published is not None or self.fallback is None:
            return
        told = self._failures > 1
        try:
            self._swap(await self.fallback.load())
        except CatalogInvalid as exc:
            if not told:
                self.events.emit(CatalogRefused(reason=str(exc)))
        except StoreUnavailable as exc:
            if not told:
                self.events.emit(StoreLost(reason=str(exc)))

    def _swap(self, catalog: Catalog) -> None:
        """Raises `CatalogInvalid` for a catalog of another fleet."""
        if catalog == self._published:
            return
        if not catalog.profiles.keys() & set(self.fleet):
            raise CatalogInvalid(
                f"version {catalog.version}",
                (
                    f"it covers none of this fleet's pairs: it has profiles of "
                    f"{quoted(sorted(catalog.profiles))}, and the fleet has "
                    f"{quoted(sorted(self.fleet))}; publish profiles of these pairs, or give "
                    f"this fleet a store of its own",
                ),
            )
        self.catalog.publish(catalog)
        self._published = catalog
        published = [p.pair for p in catalog if p.provenance.origin == "published"]
        policy = catalog.policy
        self.events.emit(
            CatalogSwapped(
                version=catalog.version,
                pairs=len(catalog),
                published=tuple(sorted(published)),
                policy=catalog.policy_version,
                switched_off=() if policy is None else tuple(sorted(policy.switched_off)),
            )
        )
