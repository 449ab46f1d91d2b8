"""The weekly run: measures every pair again, publishes what passes, demotes what drifted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from profiles.drift.change import Tolerances
from profiles.drift.outcomes import Measured, Outcome, is_eligible, merge
from profiles.errors import ProfilingError
from profiles.profiling.engine import EngineSpec
from profiles.profiling.profile_file import write_profile
from profiles.profiling.profiler import FleetRun
from serve_app.core.catalog import Catalog
from serve_app.core.errors import CatalogInvalid, CatalogReplaced, StoreEmpty
from serve_app.core.ports import ProfileStore
from serve_app.core.profile import GoldenResult, Profile

CATALOG = "catalog"
# How often another publisher may come in between before the run gives up.
MOST_TRIES = 5


class Profiler(Protocol):
    """Measures pairs; those that cannot be measured are in the result's `failed`."""

    async def measure(self, specs: Sequence[EngineSpec]) -> FleetRun: ...


class Gate(Protocol):
    """Compares a pair with its parent, as the golden gate does. Raises `ProfilingError`."""

    async def judge(self, spec: EngineSpec, parent: EngineSpec | None) -> GoldenResult: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """By what a run judges; `floor` is the accuracy that requests ask for, if known."""

    tolerances: Tolerances = field(default_factory=Tolerances)
    floor: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """What became of every pair. `version` is the new one, `None` when nothing changed."""

    against: str | None
    version: str | None
    outcomes: tuple[Outcome, ...]


async def refresh(
    specs: Sequence[EngineSpec],
    store: ProfileStore,
    *,
    profiler: Profiler,
    gate: Gate,
    rules: Rules,
    out: Path,
    by: str,
) -> Refreshed:
    """Measures and judges all `specs`, and publishes what that makes of the active catalog.

    What is to be published lies in `out/catalog` before the store is asked for anything, so that
    nothing is lost when it is down. Raises `StoreUnavailable`, or `CatalogReplaced` when others
    publish all the time.
    """
    run = await profiler.measure(specs)
    failed = {each.pair: each.cause for each in run.failed}
    by_pair = {spec.pair.id: spec for spec in specs}
    measured: list[Measured] = []
    for written in run.written:
        spec = by_pair[written.profile.pair]
        parent = by_pair.get(spec.parent) if spec.parent is not None else None
        try:
            golden = await gate.judge(spec, parent)
        except (ProfilingError, OSError) as exc:
            failed[spec.pair.id] = f"measured, but the golden gate could not be run: {exc}"
        else:
            write_profile(written.path, replace(written.profile, golden=golden))
            measured.append(Measured(profile=written.profile, golden=golden))
    folder = out / CATALOG
    _write_catalog(folder, [replace(m.profile, golden=m.golden) for m in measured])
    publish = partial(_publish, store, measured, failed, rules=rules, folder=folder, by=by)
    for _ in range(MOST_TRIES - 1):
        with suppress(CatalogReplaced):
            return await publish()
    return await publish()


async def _publish(
    store: ProfileStore,
    measured: Sequence[Measured],
    failed: Mapping[str, str],
    *,
    rules: Rules,
    folder: Path,
    by: str,
) -> Refreshed:
    """Merges with the catalog that is active now. Raises `CatalogReplaced` when another comes."""
    active: Catalog | None = None
    with suppress(StoreEmpty, CatalogInvalid):
        active = await store.load()
    against = None if active is None else active.version
    outcomes = merge(
        active=active,
        measured=measured,
        failed=failed,
        baselines=await _baselines(store, active, [each.profile.pair for each in measured]),
        tolerances=rules.tolerances,
        floor=rules.floor,
    )
    profiles = [outcome.profile for outcome in outcomes if outcome.profile is not None]
    _write_catalog(folder, profiles)
    catalog = Catalog.of("refreshed", profiles)
    version = None
    if profiles and (active is None or active.profiles != catalog.profiles):
        counts = sorted(Counter(outcome.action for outcome in outcomes).items())
        note = "refresh: " + ", ".join(f"{count} {action}" for action, count in counts)
        version = await store.publish(catalog, by=by, note=note, replacing=against)
    return Refreshed(against=against, version=version, outcomes=outcomes)


async def _baselines(
    store: ProfileStore, active: Catalog | None, pairs: Iterable[str]
) -> Mapping[str, Catalog]:
    """The newest catalog in which each pair was eligible: the active one or one before it."""
    found: dict[str, Catalog] = {}
    missing = set(pairs)
    if active is not None:
        found = dict.fromkeys(_eligible(active, missing), active)
    for published in await store.history() if missing - found.keys() else ():
        missing -= found.keys()
        if not missing & set(published.pairs):
            continue
        # An older version of this program may have written it. It has no baseline to offer.
        with suppress(CatalogInvalid):
            catalog = await store.version(published.version)
            found |= dict.fromkeys(_eligible(catalog, missing), catalog)
    return found


def _eligible(catalog: Catalog, pairs: Iterable[str]) -> list[str]:
    profiles = catalog.profiles
    return [pair for pair in pairs if pair in profiles and is_eligible(profiles[pair])]


def _write_catalog(folder: Path, profiles: Iterable[Profile]) -> None:
    """Replaces what an earlier run left in `folder`."""
    for stale in folder.rglob("*.json"):
        stale.unlink()
    for profile in profiles:
        name = f"{profile.pair}@{profile.hardware.accelerator}.json"
        write_profile(folder / profile.model / name, profile)
