"""What a run's measurements make of the active catalog, pair by pair. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from profiles.drift.change import PairDrift, Tolerances
from profiles.drift.compare import compare
from profiles.publishing.checks import findings
from profiles.publishing.verdicts import DRIFTED
from serve_app.core.catalog import Catalog
from serve_app.core.profile import GoldenResult, Profile

REASONS_TOLD = 3
# What is measured. The fleet file sets the rest, such as price and window.
FIGURES = (
    "memory", "cold_start_s", "latency", "throughput", "accuracy", "accuracy_by_difficulty",
    "benchmarks", "tokens_ratio", "relative_accuracy", "against_parent", "provenance",
)  # fmt: skip

Action = Literal[
    "added",
    "unchanged",
    "updated",
    "demoted",
    "lifted",
    "not eligible",
    "refused",
    "not measured",
    "not in the fleet",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A pair that was measured and judged."""

    profile: Profile
    golden: GoldenResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one pair, and why. `profile` is what the next catalog has of it."""

    pair: str
    action: Action
    reason: str = ""
    profile: Profile | None = None
    drift: PairDrift | None = None


def merge(
    *,
    active: Catalog | None,
    measured: Sequence[Measured],
    failed: Mapping[str, str],
    baselines: Mapping[str, Catalog],
    tolerances: Tolerances,
    floor: float | None,
) -> tuple[Outcome, ...]:
    """One outcome for each pair that was measured, failed to be, or is active; by name.

    `baselines` has for each pair the newest catalog in which it was eligible.
    """
    before = {} if active is None else active.profiles
    outcomes = {
        pair: Outcome(
            pair=pair,
            action="not in the fleet",
            reason="kept as it is: this fleet file does not name it",
            profile=profile,
        )
        for pair, profile in before.items()
    }
    for pair, cause in failed.items():
        outcomes[pair] = Outcome(
            pair=pair, action="not measured", reason=cause, profile=before.get(pair)
        )
    for each in measured:
        pair = each.profile.pair
        outcomes[pair] = _outcome(each, before.get(pair), baselines.get(pair), tolerances, floor)
    return tuple(outcomes[pair] for pair in sorted(outcomes))


def is_eligible(profile: Profile) -> bool:
    return profile.golden is None or profile.golden.passed


def _outcome(
    measured: Measured,
    active: Profile | None,
    baseline: Catalog | None,
    tolerances: Tolerances,
    floor: float | None,
) -> Outcome:
    profile = replace(measured.profile, golden=measured.golden)
    pair = profile.pair
    refused = [f for f in findings([profile], floor=floor) if f.severity == "refused"]
    if refused:
        reason = "; ".join(str(found) for found in refused)
        # The figures are not believable. The gate's verdict is about the checkpoint all the same.
        if not measured.golden.passed:
            reason += f"; the golden gate failed: {measured.golden.reason}"
            active = replace(active, golden=measured.golden) if active is not None else None
        return Outcome(pair=pair, action="refused", reason=reason, profile=active)
    if not measured.golden.passed:
        reason = measured.golden.reason
        return Outcome(pair=pair, action="not eligible", reason=reason, profile=profile)
    if baseline is None:
        action: Action = "added" if active is None else "lifted"
        return Outcome(pair=pair, action=action, profile=profile)
    drift = compare(baseline.profiles[pair], profile, tolerances)
    if drift.demoting:
        told = [str(change) for change in drift.demoting[:REASONS_TOLD]]
        if (more := len(drift.demoting) - len(told)) > 0:
            told.append(f"and {more} more")
        reason = f"{DRIFTED}{', '.join(told)}, against version {baseline.version}"
        profile = replace(profile, golden=replace(measured.golden, passed=False, reason=reason))
        return Outcome(pair=pair, action="demoted", reason=reason, profile=profile, drift=drift)
    if active is not None and not is_eligible(active):
        return Outcome(pair=pair, action="lifted", profile=profile, drift=drift)
    if not drift.changes and not drift.notes:
        # Small steps add up until they count.
        stands = {name: getattr(baseline.profiles[pair], name) for name in FIGURES}
        kept = replace(profile, **stands)
        return Outcome(pair=pair, action="unchanged", profile=kept, drift=drift)
    return Outcome(pair=pair, action="updated", profile=profile, drift=drift)
