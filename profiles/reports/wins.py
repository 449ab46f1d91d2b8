"""Which pair wins where: the router's own decision for every floor and budget of a grid."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from dataclasses import dataclass, replace
from math import ceil, floor, log10

from profiles.reports.typical import TypicalRequest, as_deployed, at_load, loads_of, predicted
from serve_app.core.catalog import Catalog
from serve_app.core.decide import decide

MOST_FLOORS = 10
MOST_BUDGETS = 9
# Budgets over a wider range are spaced by ratio, not by difference.
LINEAR_UP_TO = 4
STEPS = (1.0, 2.0, 5.0)
SERIES = ((1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8), (1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,))


@dataclass(frozen=True, slots=True, kw_only=True)
class WinMap:
    """Who is chosen at one load: `chosen` is indexed [floor][budget], `None` where no pair is."""

    concurrency: int
    floors: tuple[float, ...]
    budgets_ms: tuple[float, ...]
    chosen: tuple[tuple[str | None, ...], ...]

    @property
    def cells(self) -> int:
        return len(self.floors) * len(self.budgets_ms)

    @property
    def won(self) -> Counter[str | None]:
        return Counter(pair for row in self.chosen for pair in row)


def win_maps(catalog: Catalog, request: TypicalRequest) -> tuple[WinMap, ...]:
    """One per load, over the same axes: from where every pair may serve to where none may."""
    loads = loads_of(catalog)
    floors = _floors([p.accuracy["overall"].lower for p in catalog])
    budgets_ms = _budgets(
        [
            predicted(catalog, profile, request, concurrency=load).total_ms
            for profile in catalog
            for load in loads
        ]
    )
    pairs = [as_deployed(profile) for profile in catalog]

    def chosen(concurrency: int, least: float, budget_ms: float) -> str | None:
        constraints = replace(
            request.constraints,
            min_accuracy=least,
            latency_budget_ms=budget_ms,
            on_infeasible="refuse",
        )
        return decide(
            decision_id="report",
            features=request.features,
            constraints=constraints,
            pairs=pairs,
            catalog=catalog,
            load=dict.fromkeys(catalog.profiles, at_load(concurrency)),
            policy=request.policy,
        ).chosen

    return tuple(
        WinMap(
            concurrency=load,
            floors=floors,
            budgets_ms=budgets_ms,
            chosen=tuple(tuple(chosen(load, f, ms) for ms in budgets_ms) for f in floors),
        )
        for load in loads
    )


def _floors(lowers: list[float]) -> tuple[float, ...]:
    """Even steps from at most the lowest bound to above the highest, or to 1."""
    low, high = min(lowers), max(lowers)
    step = next(
        s for s in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2) if (high - low) / s < MOST_FLOORS - 2
    )
    # Bounds are compared with the floors themselves: a quotient of the two is rounded.
    every = [round(index * step, 3) for index in range(round(1 / step) + 1)]
    return tuple(every[bisect_right(every, low) - 1 : bisect_right(every, high) + 1])


def _budgets(answers_ms: list[float]) -> tuple[float, ...]:
    """Round numbers from below the fastest answer to at least the slowest."""
    low, high = min(answers_ms), max(answers_ms)
    if high <= LINEAR_UP_TO * low:
        least = max(high - low, low / 20) / (MOST_BUDGETS - 2)
        scale = 10.0 ** floor(log10(least))
        step = scale * next((s for s in STEPS if s * scale >= least), 10.0)
        first, last = ceil(low / step) - 1, ceil(high / step)
        # A quotient is rounded, so the products decide.
        first -= first * step >= low
        last += last * step < high
        return tuple(index * step for index in range(max(1, first), last + 1))
    # Of the series per decade, the finest that has few members in the span.
    decades = range(floor(log10(low)) - 1, ceil(log10(high)) + 2)
    span: list[float] = []
    for series in SERIES:
        every = [member * 10.0**decade for decade in decades for member in series]
        span = every[bisect_left(every, low) - 1 : bisect_left(every, high) + 1]
        if len(span) <= MOST_BUDGETS:
            break
    return tuple(span)
