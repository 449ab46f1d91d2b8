"""Where each pair stands in accuracy, latency and cost, and which pairs another one beats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from profiles.reports.typical import TypicalRequest, predicted
from serve_app.core.catalog import Catalog
from serve_app.core.profile import TaskAccuracy

REQUESTS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One pair on the three axes, for the typical request at one load.

    A pair that the golden gate refused may not serve, and so dominates no pair.
    """

    pair: str
    may_serve: bool
    accuracy: TaskAccuracy
    total_ms: float
    usd_per_1000: float

    def dominates(self, other: Standing) -> bool:
        mine, others = (
            (one.accuracy.mean, -one.total_ms, -one.usd_per_1000) for one in (self, other)
        )
        no_worse = all(a >= b for a, b in zip(mine, others, strict=True))
        return self.may_serve and no_worse and mine != others


@dataclass(frozen=True, slots=True, kw_only=True)
class Dominance:
    """A pair no better than `by` in anything and worse in something.

    `told_apart` is whether their accuracy intervals do not overlap.
    """

    worse: Standing
    by: Standing
    told_apart: bool


def standings(
    catalog: Catalog, request: TypicalRequest, *, concurrency: int
) -> tuple[Standing, ...]:
    found = []
    for profile in catalog:
        prediction = predicted(catalog, profile, request, concurrency=concurrency)
        found.append(
            Standing(
                pair=profile.pair,
                may_serve=profile.golden is None or profile.golden.passed,
                accuracy=profile.accuracy["overall"],
                total_ms=prediction.total_ms,
                usd_per_1000=REQUESTS * prediction.cost_usd,
            )
        )
    return tuple(found)


def dominances(places: Sequence[Standing]) -> tuple[Dominance, ...]:
    """Every pair that another one dominates, with each that does."""
    return tuple(
        Dominance(worse=worse, by=by, told_apart=worse.accuracy.upper < by.accuracy.lower)
        for worse in places
        for by in places
        if by.dominates(worse)
    )
