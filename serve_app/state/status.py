"""What the fleet offers now, for people and load balancers to read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from serve_app.core.catalog import Catalog
from serve_app.core.fleet import Load, LoadView, Pair
from serve_app.core.profile import Origin
from serve_app.state.breakers import Breakers, BreakerStatus
from serve_app.state.live_catalog import LiveCatalog

PairState = Literal["ready", "cold", "failed", "off"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairStatus:
    """A pair, whether it is ready, has to start, cannot or may not, and where its profile is from.

    `profile_origin` is `None` for a pair without a profile.
    """

    pair: Pair
    state: PairState
    profile_origin: Origin | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Whether any pair can answer now; if none can, why each cannot."""

    ready: bool
    reasons: tuple[str, ...]


class FleetStatus:
    """Reads pairs, catalog, load and breakers; changes none of them."""

    def __init__(
        self,
        catalog: LiveCatalog,
        load: Callable[[], LoadView],
        breakers: Breakers,
    ) -> None:
        self._catalog = catalog
        self._load = load
        self._breakers = breakers

    def catalog(self) -> Catalog | None:
        return self._catalog.published

    def catalog_refusal(self) -> str | None:
        """Why the store's active catalog is not the one in use."""
        return self._catalog.refusal

    def breakers(self) -> Mapping[str, BreakerStatus]:
        return self._breakers.states()

    def pairs(self) -> tuple[PairStatus, ...]:
        """Every pair, by id."""
        loads, snapshot = self._load(), self._catalog.snapshot
        off = snapshot.policy.switched_off
        origins = {profile.pair: profile.provenance.origin for profile in self.catalog() or ()}
        return tuple(
            PairStatus(
                pair=pair,
                state="off" if pair.id in off else _state(loads[pair.id]),
                profile_origin=origins.get(pair.id),
            )
            for pair in sorted(snapshot.pairs, key=lambda pair: pair.id)
        )

    def readiness(self) -> Readiness:
        loads, reasons = self._load(), []
        off = self._catalog.snapshot.policy.switched_off
        for pair, load in loads.items():
            if pair in off:
                reasons.append(f"{pair}: the policy has switched it off")
            elif load.failure is not None:
                reasons.append(f"{pair}: its deployment has failed: {load.failure}")
            elif not load.ready_replicas:
                reasons.append(f"{pair}: no replica is ready, {load.starting_replicas} starting")
            elif load.breaker_open:
                reasons.append(f"{pair}: its breaker is open after failed attempts")
        ready = len(reasons) < len(loads)
        return Readiness(ready=ready, reasons=() if ready else tuple(reasons))


def _state(load: Load) -> PairState:
    if load.failure is not None:
        return "failed"
    return "ready" if load.ready_replicas else "cold"
