"""How well a router chooses among many models: cost against accuracy, and against the oracle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from profiles.learning.prices import Costs

Floats = npt.NDArray[np.float64]

CURVE_POINTS = 21


@dataclass(frozen=True, slots=True, kw_only=True)
class CostPoint:
    """One setting of the trade-off: mean cost per prompt and share answered right."""

    cost: float
    accuracy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ManyModels:
    """`curve` runs from the cheapest answers to the best; `oracle` knows every outcome.

    `area` is the mean accuracy over cost, from always-cheapest's cost to always-dearest's.
    `oracle_share` is how much of the oracle's gain over the best single model is reached at any
    point of the curve; `regret` is what is missing to the oracle, at the most accurate point.
    """

    curve: tuple[CostPoint, ...]
    area: float
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
    best = int(scores.mean(axis=0).argmax())
    oracle_cost = np.where(scores >= scores.max(axis=1, keepdims=True), actual, np.inf)
    oracle = _at(oracle_cost.argmin(axis=1), scores, actual)
    best_single = CostPoint(
        cost=float(actual[:, best].mean()), accuracy=float(scores[:, best].mean())
    )
    reached = max(point.accuracy for point in curve)
    return ManyModels(
        curve=curve,
        area=_area(curve, float(actual.mean(axis=0).min()), float(actual.mean(axis=0).max())),
        best_single=best_single,
        oracle=oracle,
        oracle_share=_share(reached - best_single.accuracy, oracle.accuracy - best_single.accuracy),
        regret=oracle.accuracy - reached,
    )


def _at(chosen: npt.NDArray[np.int64], scores: Floats, costs: Floats) -> CostPoint:
    rows = np.arange(len(chosen))
    return CostPoint(
        cost=float(costs[rows, chosen].mean()), accuracy=float(scores[rows, chosen].mean())
    )


def _area(curve: tuple[CostPoint, ...], low: float, high: float) -> float:
    """What is bought for a cost is the best accuracy at any cost up to it."""
    if high <= low:
        return max(point.accuracy for point in curve)
    costs = np.array([point.cost for point in curve])
    best = np.maximum.accumulate([point.accuracy for point in curve])
    at = np.linspace(low, high, 200)
    return float(np.interp(at, costs, best).mean())


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0
