"""Makes profiles the active catalog, or an earlier catalog active again; drafts it first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from profiles.publishing.checks import findings
from profiles.publishing.diff import catalog_changes
from profiles.publishing.finding import Finding, Severity
from profiles.publishing.fleet import fleet_findings
from serve_app.core.catalog import Catalog, Version
from serve_app.core.errors import CatalogError, CatalogInvalid, StoreEmpty
from serve_app.core.ports import ProfileStore
from serve_app.settings import PairSettings
from serve_app.store.file_store import read_profiles


class NothingBefore(CatalogError):
    """There is no earlier version to go back to."""

    def __init__(self, active: str) -> None:
        super().__init__(active)
        self.active = active

    def __str__(self) -> str:
        return (
            f"nothing was published before what is active now (version {self.active}): there is "
            f"nothing to go back to"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """The pairs to publish for. Profiles may disagree with them where `allow_mismatch` is set."""

    pairs: tuple[PairSettings, ...]
    allow_mismatch: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A publication before it is made: what it changes, and what the checks say of it.

    `replaces` is the version that was active when the changes were found, and `restores` the one
    a rollback publishes again.
    """

    catalog: Catalog
    changes: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
    replaces: str | None = None
    restores: str | None = None

    @property
    def refused(self) -> tuple[Finding, ...]:
        return tuple(found for found in self.findings if found.severity == "refused")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        return tuple(found for found in self.findings if found.severity == "warning")


async def draft_folder(
    folder: Path, store: ProfileStore, *, floor: float | None, fleet: Fleet | None = None
) -> Draft:
    """What publishing the profiles below `folder` would do.

    `floor` is the accuracy that requests ask for, if known. Raises `CatalogInvalid` when a file
    cannot be read as a sound profile, or `StoreUnavailable`.
    """
    return await draft_catalog(read_profiles(folder), store, floor=floor, fleet=fleet)


async def draft_catalog(
    catalog: Catalog, store: ProfileStore, *, floor: float | None, fleet: Fleet | None = None
) -> Draft:
    """What publishing `catalog` would do."""
    active, opening = await _active(store)
    return Draft(
        catalog=catalog,
        changes=(*opening, *catalog_changes(active, catalog)),
        findings=(
            *_fleet_findings(
                catalog, fleet, "warning" if fleet and fleet.allow_mismatch else "refused"
            ),
            *findings(catalog, floor=floor),
        ),
        replaces=None if active is None else active.version,
    )


async def draft_rollback(
    store: ProfileStore, *, to: str | None = None, fleet: Fleet | None = None
) -> Draft:
    """What going back would do: to version `to`, or to what was active before.

    A rollback is a publication too, so going back twice goes back two steps. It is not refused,
    because it was published before: differences from `fleet` are warnings. Raises
    `VersionUnknown`, `NothingBefore` or `StoreUnavailable`.
    """
    active, opening = await _active(store)
    now = "" if active is None else active.version
    version = to if to is not None else _before(now, await store.history())
    catalog = await store.version(version)
    return Draft(
        catalog=catalog,
        changes=(*opening, *catalog_changes(active, catalog)),
        findings=_fleet_findings(catalog, fleet, "warning"),
        replaces=None if active is None else active.version,
        restores=version,
    )


async def commit(draft: Draft, store: ProfileStore, *, by: str, note: str = "") -> str:
    """Publishes a draft and returns its version.

    Raises `CatalogInvalid` when the checks refuse it, `CatalogReplaced` when another publisher was
    faster, or `StoreUnavailable`; the active catalog is then as it was.
    """
    if draft.refused:
        raise CatalogInvalid("this draft", tuple(str(found) for found in draft.refused))
    return await store.publish(
        draft.catalog, by=by, note=note, restores=draft.restores, replacing=draft.replaces
    )


def _fleet_findings(
    catalog: Catalog, fleet: Fleet | None, severity: Severity
) -> tuple[Finding, ...]:
    if fleet is None:
        return ()
    return tuple(fleet_findings(catalog, fleet.pairs, severity=severity))


def _before(active: str, history: Sequence[Version]) -> str:
    """The version that was active before `active`, past those that rollbacks took back."""
    origin = {published.version: published.restores or published.version for published in history}
    if active not in origin:
        if not history:
            raise NothingBefore(active)
        return origin[history[0].version]
    content = int(origin[active])
    older = [published.version for published in history if int(published.version) < content]
    if not older:
        raise NothingBefore(active)
    return origin[older[0]]


async def _active(store: ProfileStore) -> tuple[Catalog | None, tuple[str, ...]]:
    """The active catalog, or what there is instead of one."""
    try:
        return await store.load(), ()
    except StoreEmpty:
        return None, ("the first catalog in this store",)
    except CatalogInvalid as exc:
        return None, (f"replaces a broken one: {exc}",)
