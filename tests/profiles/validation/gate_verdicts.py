"""The gate's verdict on what it is shown."""

from __future__ import annotations

from profiles.validation.claims import claim_named
from profiles.validation.probe_set import Probes
from profiles.validation.thresholds import SMALL_WEIGHTS, default_thresholds
from profiles.validation.validate import judge
from profiles.validation.verdict import Check, Evidence, Verdict
from tests.profiles.validation.evidence import a_text, evidence, some_probes


def judged(
    candidate: Evidence,
    parent: Evidence | None = None,
    *,
    claims: str | None = "w8a8",
    weights: int = SMALL_WEIGHTS,
) -> Verdict:
    claim = claim_named(claims) if claims else None
    return judge(
        candidate, parent, claim=claim, thresholds=default_thresholds(claim, weights=weights)
    )


def failed(verdict: Verdict) -> list[str]:
    return [check.name for check in verdict.failures]


def the_failure(verdict: Verdict) -> Check:
    (failure,) = verdict.failures
    return failure


PARENT = evidence(some_probes())
# Near the parent, and not the parent.
NEAR = some_probes(a_text(likely=0.59))


def far(**given: object) -> Probes:
    return some_probes(a_text(**given))  # type: ignore[arg-type]
