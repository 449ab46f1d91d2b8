"""Makes profiles the active catalog, or an earlier catalog active again; drafts it first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from profiles.publishing.checks import findings
from profiles.publishing.diff import catalog_changes
from profiles.publishing.finding import Finding, Severity
from profiles.publishing.fleet import fleet_findings
from profiles.publishing.policy import policy_changes, policy_findings
from profiles.publishing.verdicts import standing_verdict
from serve_app.core.catalog import Catalog, Version
from serve_app.core.errors import CatalogError, CatalogInvalid, StoreEmpty
from serve_app.core.policy import Policy, PublishedPolicy
from serve_app.core.ports import ProfileStore
from serve_app.core.profile import GoldenResult, Profile
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
    """The pairs to publish for, and the policy that the fleet file gives them.

    Profiles and policies may disagree with them where `allow_mismatch` is set.
    """

    pairs: tuple[PairSettings, ...]
    policy: Policy | None = None
    allow_mismatch: bool = False

    @property
    def severity(self) -> Severity:
        return "warning" if self.allow_mismatch else "refused"


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
    folder: Path,
    store: ProfileStore,
    *,
    floor: float | None,
    fleet: Fleet | None = None,
    policy: PublishedPolicy | None = None,
) -> Draft:
    """What publishing the profiles below `folder` would do, with `policy` or the active one.

    `floor` is the accuracy that requests ask for, if known. Raises `CatalogInvalid` when a file
    cannot be read as a sound profile, or `StoreUnavailable`.
    """
    catalog = read_profiles(folder)
    return await draft_catalog(catalog, store, floor=floor, fleet=fleet, policy=policy)


async def draft_catalog(
    catalog: Catalog,
    store: ProfileStore,
    *,
    floor: float | None,
    fleet: Fleet | None = None,
    policy: PublishedPolicy | None = None,
) -> Draft:
    """What publishing the profiles of `catalog` would do, with `policy` or the active one.

    Pairs keep the failed verdicts that nothing ended.
    """
    active, opening = await _active(store)
    governed = active if active is not None else await _newest(store)
    catalog, kept = await _with_failed_verdicts(catalog, active, store, fleet)
    catalog = _with_policy(catalog, governed, policy)
    severity: Severity = "refused" if fleet is None else fleet.severity
    return Draft(
        catalog=catalog,
        changes=(
            *opening,
            *catalog_changes(active, catalog),
            *_policy_changes(governed, catalog, fleet),
        ),
        findings=(
            *_fleet_findings(catalog, fleet, severity),
            *findings(catalog, floor=floor),
            *_policy_findings(catalog, fleet, severity),
            *kept,
        ),
        replaces=None if active is None else active.version,
    )


async def draft_policy(
    policy: PublishedPolicy, store: ProfileStore, *, fleet: Fleet | None = None
) -> Draft:
    """What publishing `policy` with the active profiles would do. An empty one ends the last.

    Raises `CatalogInvalid`, `StoreEmpty` or `StoreUnavailable` where no active profiles can be
    read.
    """
    active = await store.load()
    catalog = _with_policy(active, active, policy)
    severity: Severity = "refused" if fleet is None else fleet.severity
    return Draft(
        catalog=catalog,
        changes=_policy_changes(active, catalog, fleet),
        findings=_policy_findings(catalog, fleet, severity),
        replaces=active.version,
    )


async def draft_rollback(
    store: ProfileStore, *, to: str | None = None, fleet: Fleet | None = None
) -> Draft:
    """What going back would do: to version `to`, or to what was active before.

    It takes the profiles and the policy back. A rollback is a publication too, so going back twice
    goes back two steps. It was published before, so differences from `fleet` are warnings. It is
    refused where its policy would leave no pair of the fleet. Raises
    `VersionUnknown`, `NothingBefore` or `StoreUnavailable`.
    """
    active, opening = await _active(store)
    now = "" if active is None else active.version
    version = to if to is not None else _before(now, await store.history())
    restored = await store.version(version)
    catalog, kept = await _with_failed_verdicts(restored, active, store, fleet)
    return Draft(
        catalog=catalog,
        changes=(
            *opening,
            *catalog_changes(active, catalog),
            *_policy_changes(active, catalog, fleet),
        ),
        findings=(
            *_fleet_findings(catalog, fleet, "warning"),
            *_policy_findings(catalog, fleet, "warning"),
            *kept,
        ),
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


async def _with_failed_verdicts(
    catalog: Catalog, active: Catalog | None, store: ProfileStore, fleet: Fleet | None
) -> tuple[Catalog, list[Finding]]:
    """The catalog with every failed verdict that stays, and a warning for each."""
    named = {} if fleet is None else {pair.id: pair.checkpoint for pair in fleet.pairs}
    last = await _last_profiles(catalog.profiles, active, store)
    profiles, warnings = [], []
    for profile in catalog:
        verdict = profile.golden
        if profile.pair in last:
            checkpoints = [named[profile.pair]] if profile.pair in named else []
            verdict = standing_verdict(last[profile.pair].golden, verdict, checkpoints=checkpoints)
        if verdict is not None and verdict != profile.golden:
            warnings.append(_verdict_stays(profile, verdict))
        profiles.append(replace(profile, golden=verdict))
    return replace(catalog, profiles={p.pair: p for p in profiles}), warnings


async def _last_profiles(
    pairs: Iterable[str], active: Catalog | None, store: ProfileStore
) -> dict[str, Profile]:
    """Each pair's profile in the active catalog, or in the newest version that has one."""
    found = {} if active is None else dict(active.profiles)
    missing = set(pairs) - found.keys()
    # A version that cannot be read has no verdict to give.
    with suppress(CatalogInvalid):
        for published in await store.history() if missing else ():
            if missing & set(published.pairs):
                with suppress(CatalogInvalid):
                    profiles = (await store.version(published.version)).profiles
                    found |= {pair: profiles[pair] for pair in missing & profiles.keys()}
                    missing -= profiles.keys()
    return found


def _verdict_stays(profile: Profile, verdict: GoldenResult) -> Finding:
    came = "no verdict"
    if profile.golden is not None:
        dated = f" of {profile.golden.date}" if profile.golden.date else ""
        of = f" for checkpoint {profile.golden.checkpoint}" if profile.golden.checkpoint else ""
        came = f"a verdict{dated}{of}"
    failed = f"on {verdict.date}" if verdict.date else "before"
    named = f" with checkpoint {verdict.checkpoint}" if verdict.checkpoint else ""
    return Finding(
        pair=profile.pair,
        field="golden",
        severity="warning",
        got=came,
        allowed=f"the golden gate failed {failed}{named}: {verdict.reason or 'no reason given'}",
        advice=f"the pair stays not eligible until `quantroute validate {profile.pair}` passes",
    )


def _fleet_findings(
    catalog: Catalog, fleet: Fleet | None, severity: Severity
) -> tuple[Finding, ...]:
    if fleet is None:
        return ()
    return tuple(fleet_findings(catalog, fleet.pairs, severity=severity))


def _with_policy(
    catalog: Catalog, governed: Catalog | None, policy: PublishedPolicy | None
) -> Catalog:
    """The catalog with `policy`, or with that of `governed` where none is given.

    A policy that does not change keeps its version.
    """
    held = None if governed is None else governed.policy
    if policy is None or policy == held:
        version = None if governed is None else governed.policy_version
        return replace(catalog, policy=held, policy_version=version)
    stated = None if policy == PublishedPolicy() else policy
    return replace(catalog, policy=stated, policy_version=None)


def _policy_findings(
    catalog: Catalog, fleet: Fleet | None, severity: Severity
) -> tuple[Finding, ...]:
    pairs = None if fleet is None else [pair.id for pair in fleet.pairs]
    start = None if fleet is None else fleet.policy
    return tuple(policy_findings(catalog, pairs, start, severity=severity))


def _policy_changes(before: Catalog | None, after: Catalog, fleet: Fleet | None) -> tuple[str, ...]:
    return tuple(policy_changes(before, after, None if fleet is None else fleet.policy))


async def _newest(store: ProfileStore) -> Catalog | None:
    """The newest version that can be read, where the active catalog cannot."""
    with suppress(CatalogInvalid):
        for published in await store.history():
            with suppress(CatalogInvalid):
                return await store.version(published.version)
    return None


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
