"""Whether profiles are of the pairs that a fleet has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from profiles.publishing.finding import Finding, Severity
from serve_app.core.errors import quoted
from serve_app.core.profile import Profile
from serve_app.settings import PairSettings

COMPARED = (
    "model",
    "quantization.name",
    "quantization.weight_bits",
    "quantization.activations",
    "hardware.accelerator",
    "hardware.count",
    "hardware.usd_per_hour",
    "hardware.usd_per_mtok",
    "context_window",
)
ANYWAY = "--allow-mismatch publishes it all the same"


def fleet_findings(
    profiles: Iterable[Profile], fleet: Iterable[PairSettings], *, severity: Severity
) -> Iterator[Finding]:
    """One finding for each profile of no pair, and for each field that differs from its pair's."""
    pairs = {pair.id: pair for pair in fleet}
    for profile in sorted(profiles, key=lambda profile: profile.pair):
        pair = pairs.get(profile.pair)
        if pair is None:
            yield Finding(
                pair=profile.pair,
                field="pair",
                severity=severity,
                got=repr(profile.pair),
                allowed=f"the fleet file has {quoted(pairs)}",
                advice=f"name its fleet file with --fleet, or remove the profile; {ANYWAY}",
            )
            continue
        for field in COMPARED:
            measured, deployed = _value(profile, field), _value(pair, field)
            if measured != deployed:
                yield Finding(
                    pair=profile.pair,
                    field=field,
                    severity=severity,
                    got=f"{measured!r} in the profile",
                    allowed=f"the fleet file has {deployed!r}",
                    advice=f"correct the fleet file, or profile the pair again; {ANYWAY}",
                )


def _value(owner: Profile | PairSettings, path: str) -> Any:
    value: Any = owner
    for name in path.split("."):
        value = getattr(value, name)
    return value
