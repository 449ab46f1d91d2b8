"""Measures routers on prompts that they have not seen, all on the same ones.

Between a weak and a strong model: APGR and CPT. Among many: cost against accuracy, and against the
oracle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from profiles.router_eval.floors import FloorCompliance, floor_compliance
from profiles.router_eval.out_of_fold import Predicted
from profiles.router_eval.prices import Costs
from profiles.training.arrays import Floats, Ints
from profiles.training.calibration import Reliability, expected_calibration_error, reliability
from profiles.training.outcomes import OutcomesUnusable, OutcomeTable

CURVE_POINTS = 21
RELIABILITY_BINS = 10
# The share of reachable floors to keep.
FLOORS_KEPT = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoModels:
    """Performance gap recovered against the share of prompts that go to the strong model.

    `apgr` is the area under that curve: 0.5 is chance. `cpt50` and `cpt80` are the shares of
    strong calls, in percent, that recover 50 and 80 percent of the gap. `gap_recovered` is that at
    0, 5, ... 100 percent of strong calls.
    """

    apgr: float
    cpt50: float
    cpt80: float
    gap_recovered: tuple[float, ...]


def two_models(gain: Floats, weak: Floats, strong: Floats) -> TwoModels:
    """Sends prompts to the strong model in falling order of `gain`, ties in the mean of all orders.

    Raises `OutcomesUnusable` where the strong model is no better than the weak one.
    """
    require_gap(weak, strong)
    difference = strong - weak
    order = np.argsort(-gain, kind="stable")
    _, group = np.unique(-gain[order], return_inverse=True)
    tied = np.bincount(group, weights=difference[order]) / np.bincount(group)
    recovered = np.concatenate(([0.0], np.cumsum(tied[group]))) / difference.sum()
    share = np.linspace(0.0, 1.0, len(recovered))
    return TwoModels(
        apgr=float(np.trapezoid(recovered, share)),
        cpt50=_share_that_recovers(recovered, share, 0.5),
        cpt80=_share_that_recovers(recovered, share, 0.8),
        gap_recovered=tuple(np.interp(np.linspace(0, 1, 21), share, recovered).round(4).tolist()),
    )


def require_gap(weak: Floats, strong: Floats) -> None:
    """Raises `OutcomesUnusable` where the strong model is no better than the weak one."""
    if (strong - weak).sum() <= 0:
        raise OutcomesUnusable(
            f"the strong model is right in {strong.mean():.1%} of the prompts to measure on and "
            f"the weak one in {weak.mean():.1%}: there is no gap to recover; name others with "
            f"--weak and --strong"
        )


def _share_that_recovers(recovered: Floats, share: Floats, part: float) -> float:
    return float(100 * share[np.argmax(recovered >= part - 1e-9)])


@dataclass(frozen=True, slots=True, kw_only=True)
class CostPoint:
    """One setting of the trade-off: mean cost per prompt and share answered right."""

    cost: float
    accuracy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ManyModels:
    """`cost_accuracy` runs from the cheapest answers to the best; `oracle` knows every outcome.

    `cost_accuracy_area` is the mean accuracy over cost, from the cheapest pair's to the most
    expensive's.
    `oracle_share` is how much of the oracle's gain over the best single model is reached at any
    point of the curve; `regret` is what is missing to the oracle, at the most accurate point.
    """

    cost_accuracy: tuple[CostPoint, ...]
    cost_accuracy_area: float
    best_single: CostPoint
    oracle: CostPoint
    oracle_share: float
    regret: float


def many_models(means: Floats, scores: Floats, costs: Costs) -> ManyModels:
    """`means` are predicted success (prompts, pairs)."""
    actual = costs.actual
    scale = float(costs.expected.mean()) or 1.0
    prices = np.concatenate(([0.0], np.geomspace(0.003, 30.0, CURVE_POINTS - 1)))
    points = [
        _at((means - price * costs.expected / scale).argmax(axis=1), scores, actual)
        for price in prices
    ]
    points.append(_at(costs.expected.argmin(axis=1), scores, actual))
    curve = tuple(sorted(points, key=lambda point: point.cost))
    best_single = _at(np.full(len(scores), scores.mean(axis=0).argmax()), scores, actual)
    oracle_cost = np.where(scores >= scores.max(axis=1, keepdims=True), actual, np.inf)
    oracle = _at(oracle_cost.argmin(axis=1), scores, actual)
    reached = max(point.accuracy for point in curve)
    room = oracle.accuracy - best_single.accuracy
    return ManyModels(
        cost_accuracy=curve,
        cost_accuracy_area=_area(curve, actual.mean(axis=0)),
        best_single=best_single,
        oracle=oracle,
        oracle_share=(reached - best_single.accuracy) / room if room > 0 else 0.0,
        regret=oracle.accuracy - reached,
    )


def _at(chosen: Ints, scores: Floats, costs: Floats) -> CostPoint:
    rows = np.arange(len(chosen))
    return CostPoint(
        cost=float(costs[rows, chosen].mean()), accuracy=float(scores[rows, chosen].mean())
    )


def _area(curve: tuple[CostPoint, ...], cost_of_pairs: Floats) -> float:
    """What is bought for a cost is the best accuracy at any cost up to it."""
    best = np.maximum.accumulate([point.accuracy for point in curve])
    low, high = cost_of_pairs.min(), cost_of_pairs.max()
    if high <= low:
        return float(best[-1])
    at = np.linspace(low, high, 200)
    return float(np.interp(at, [point.cost for point in curve], best).mean())


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """One router on unseen prompts. `ece` is the mean over pairs of the calibration error."""

    two: TwoModels
    many: ManyModels
    ece: float
    ece_per_pair: Mapping[str, float]
    reliability: tuple[Reliability, ...]
    floors: FloorCompliance


def measure(
    table: OutcomeTable,
    predicted: Predicted,
    costs: Costs,
    *,
    weak: str,
    strong: str,
    floors: tuple[float, ...],
) -> Quality:
    """`table`, `predicted` and `costs` have the same rows. Raises `OutcomesUnusable`."""
    scores, means = table.filled, predicted.means
    low, high = table.column(weak), table.column(strong)
    errors = {
        pair: expected_calibration_error(means[:, at], table.scores[:, at])
        for at, pair in enumerate(table.pairs)
    }
    return Quality(
        two=two_models(means[:, high] - means[:, low], scores[:, low], scores[:, high]),
        many=many_models(means, scores, costs),
        ece=float(np.mean(list(errors.values()))),
        ece_per_pair=errors,
        reliability=tuple(reliability(means.ravel(), table.scores.ravel(), bins=RELIABILITY_BINS)),
        floors=floor_compliance(predicted, scores, costs, table.kinds, floors),
    )


def weak_and_strong(
    table: OutcomeTable, costs: Costs, *, weak: str | None, strong: str | None
) -> tuple[str, str]:
    """By default the cheapest pair and the one most often right. Raises `OutcomesUnusable`."""
    if len(table.pairs) == 1:
        raise OutcomesUnusable(
            f"there are outcomes of {table.pairs[0]!r} alone: a choice needs two pairs"
        )
    best = table.pairs[int(np.nanmean(table.scores, axis=0).argmax())]
    cheapest = table.pairs[int(costs.expected.mean(axis=0).argmin())]
    chosen = weak or cheapest, strong or best
    for pair in chosen:
        table.column(pair)
    if chosen[0] == chosen[1]:
        raise OutcomesUnusable(
            f"{chosen[0]!r} would be both the weak and the strong model: name two of "
            f"{', '.join(table.pairs)} with --weak and --strong"
        )
    return chosen


def cheapest_that_complies(qualities: Mapping[str, Quality]) -> str | None:
    """The router with the lowest cost among those that keep enough floors."""
    complying = [name for name, quality in qualities.items() if quality.floors.share >= FLOORS_KEPT]
    return min(complying, key=lambda name: qualities[name].floors.cost, default=None)
