"""What is looked at before a profile is published. Its numbers are sound by then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from profiles.publishing.finding import Finding
from profiles.publishing.floor import floor_findings
from profiles.publishing.plausible import (
    falls_under_load,
    faster_than_arithmetic,
    faster_than_memory,
    more_than_its_latency_allows,
)
from serve_app.core.profile import Profile

UNQUANTIZED_BITS = 16


def findings(profiles: Iterable[Profile], *, floor: float | None) -> tuple[Finding, ...]:
    """Everything to refuse or to warn of, pair by pair.

    `floor` is the accuracy that requests ask for; `None` leaves out what depends on it.
    """
    found: list[Finding] = []
    for profile in sorted(profiles, key=lambda profile: profile.pair):
        found += price_missing(profile)
        found += faster_than_memory(profile)
        found += faster_than_arithmetic(profile)
        found += falls_under_load(profile)
        found += more_than_its_latency_allows(profile)
        found += warnings(profile)
        if floor is not None:
            found += floor_findings(profile, floor)
    return tuple(found)


def price_missing(profile: Profile) -> Iterator[Finding]:
    charged = profile.hardware.usd_per_mtok
    by_token = charged is not None and charged.input + charged.output > 0
    if profile.hardware.usd_per_hour <= 0 and not by_token:
        yield Finding(
            pair=profile.pair,
            field="hardware.usd_per_hour",
            got=f"{profile.hardware.usd_per_hour:g} USD",
            allowed="it should be above 0, or this pair would always be the cheapest",
            advice="put the price of one replica's hardware into the fleet file (for an endpoint, "
            "hardware.usd_per_mtok), and profile again",
        )


def warnings(profile: Profile) -> Iterator[Finding]:
    """What a profile lacks that does not keep it from being published."""
    # An endpoint shows neither its weights nor its start.
    if profile.cold_start_s <= 0 and profile.memory.weights_bytes:
        yield Finding(
            pair=profile.pair,
            field="cold_start_s",
            severity="warning",
            got="0 s",
            allowed="a pair with no replica would be taken to start at once",
            advice="profile it without --url, so that its start is timed",
        )
    quantized = profile.quantization.weight_bits < UNQUANTIZED_BITS or profile.parent is not None
    if profile.golden is None and quantized:
        yield Finding(
            pair=profile.pair,
            field="golden",
            severity="warning",
            got="no verdict",
            allowed="a quantized pair should pass the golden gate before it serves",
            advice="run `quantroute validate` on its checkpoint; until then it is eligible",
        )
    if profile.provenance.origin == "published":
        yield Finding(
            pair=profile.pair,
            field="provenance.origin",
            severity="warning",
            got="figures published by others",
            allowed="nothing here was measured on your hardware",
            advice="decisions note it; profile the pair when you can",
        )
