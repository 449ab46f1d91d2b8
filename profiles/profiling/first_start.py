"""The first start on a machine: checks shipped profiles by single requests and scales them.

A store whose catalog was never published holds what ships with the package. Once something is
published there, by this or by `quantroute publish`, it is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx2

from profiles.profiling.profile_file import machine
from profiles.profiling.scale import (
    NotScaled,
    SingleRequest,
    SpeedFactors,
    measure_single_requests,
    scaled,
    speed_factors,
)
from profiles.publishing.publish import commit, draft_catalog
from serve_app.core.catalog import Catalog
from serve_app.core.errors import StoreEmpty
from serve_app.core.ports import ProfileStore
from serve_app.core.profile import Profile

BY = "quantroute serve"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """The version in use now. `factors` is by pair, `failed` has the reason for each other pair.

    Nothing was published where a pair failed.
    """

    version: str
    factors: dict[str, SpeedFactors]
    failed: dict[str, str]


async def scale_on_first_start(
    store: ProfileStore,
    fallback: ProfileStore,
    pairs: Iterable[str],
    *,
    client: httpx2.Client,
    progress: Callable[[str], None],
    measure: Callable[[httpx2.Client, str], Sequence[SingleRequest]] = measure_single_requests,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Scaling | None:
    """Scales the measured profiles of `pairs` to this machine and publishes the catalog.

    `client` reaches the running router. Returns `None` where a catalog was published before, or
    where no pair has a measured profile. If one pair cannot be timed, all keep their profiles: a
    choice between scaled and unscaled pairs would be worse than one between unscaled pairs. Raises
    `CatalogError`.
    """
    if await store.history():
        return None
    try:
        catalog = await store.load()
    except StoreEmpty:
        catalog = await fallback.load()
    measured = {
        pair: catalog.profiles[pair]
        for pair in pairs
        if pair in catalog.profiles and catalog.profiles[pair].provenance.origin == "measured"
    }
    factors: dict[str, SpeedFactors] = {}
    failed: dict[str, str] = {}
    profiles: dict[str, Profile] = {}
    for pair, profile in measured.items():
        progress(pair)
        try:
            requests = measure(client, pair)
            factors[pair] = speed_factors(profile, requests)
        except NotScaled as exc:
            failed[pair] = str(exc)
        else:
            profiles[pair] = scaled(
                profile,
                factors[pair],
                requests=len(requests),
                machine=machine(profile.engine_version),
                date=now().isoformat(timespec="seconds"),
            )
    if failed or not factors:
        return Scaling(version=catalog.version, factors={}, failed=failed) if failed else None
    here = Catalog.of(catalog.version, {**catalog.profiles, **profiles}.values())
    draft = await draft_catalog(here, store, floor=None)
    version = await commit(draft, store, by=BY, note="scaled to this machine by single requests")
    return Scaling(version=version, factors=factors, failed=failed)
