"""Decisions of a dear and a cheap pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from serve_app.core.catalog import Catalog
from serve_app.core.decide import decide
from serve_app.core.decision import Decision
from serve_app.core.fleet import Load, Pair
from serve_app.core.policy import Policy
from serve_app.core.profile import Profile
from serve_app.core.request import Constraints, Features
from tests.builders import a_catalog, a_pair, a_policy, a_profile, features, idle_load

BIG = a_profile("big", accuracy=0.95, ttft_ms=200, tpot_ms=20, usd_per_hour=4)
SMALL = a_profile("small", accuracy=0.80, ttft_ms=40, tpot_ms=5, usd_per_hour=1)
FLEET = (a_pair("big"), a_pair("small"))
STRICT = Constraints(latency_budget_ms=300, min_accuracy=0.9)
ELSEWHERE = replace(SMALL, provenance=replace(SMALL.provenance, origin="published"))


def decided(
    constraints: Constraints | None = None,
    *,
    pairs: Sequence[Pair] = FLEET,
    profiles: Sequence[Profile] = (BIG, SMALL),
    request: Features | None = None,
    load: Mapping[str, Load] | None = None,
    policy: Policy | None = None,
    time_left_ms: float | None = None,
) -> Decision:
    catalog: Catalog = a_catalog(*profiles, version="v7")
    return decide(
        decision_id="d-1",
        features=request or features(),
        constraints=constraints or Constraints(),
        pairs=pairs,
        catalog=catalog,
        load=idle_load(*(pair.id for pair in pairs)) if load is None else load,
        policy=policy or a_policy(reference_pair="big"),
        time_left_ms=time_left_ms,
    )


def names(candidates: Sequence[object]) -> list[str]:
    return [candidate.pair for candidate in candidates]  # type: ignore[attr-defined]
