"""Soft preferences among pairs that may serve: three terms and their weighted sum."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from serve_app.core.catalog import Catalog
from serve_app.core.decision import Prediction, Terms
from serve_app.core.policy import Policy, Weights
from serve_app.core.predict import expected_usage
from serve_app.core.request import Constraints, Features


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """What counts as a full share of latency and of cost, and where gain in accuracy begins.

    Of latencies over a budget (`latency_has_budget`) none is worse than another. Other pairs are
    no such limit: a share of their slowest goes on over 1.
    """

    accuracy_floor: float
    latency_ms: float
    cost_usd: float
    latency_has_budget: bool

    @classmethod
    def of(
        cls,
        constraints: Constraints,
        predictions: Collection[Prediction],
        reference_cost_usd: float | None,
    ) -> Scale:
        """Budget and reference cost; where one is missing, the worst of `predictions`.

        These are of the pairs between which the choice is, and not of any that has to start.
        """
        latency_ms, cost_usd = constraints.latency_budget_ms, reference_cost_usd
        if latency_ms is None:
            latency_ms = max((p.total_ms for p in predictions), default=0.0)
        if cost_usd is None:
            cost_usd = max((p.cost_usd for p in predictions), default=0.0)
        return cls(
            accuracy_floor=constraints.min_accuracy or 0.0,
            latency_ms=latency_ms,
            cost_usd=cost_usd,
            latency_has_budget=constraints.latency_budget_ms is not None,
        )


def reference_cost_usd(policy: Policy, catalog: Catalog, features: Features) -> float | None:
    """What the request would cost on the reference pair; `None` when its cost is not known."""
    reference = catalog.profiles.get(policy.reference_pair)
    if reference is None:
        return None
    added_tokens = catalog.added_tokens.get((reference.pair, features.form), 0.0)
    usage = expected_usage(reference, features, added_tokens)
    return catalog.prices[reference.pair].cost_usd(usage)


def terms(prediction: Prediction, scale: Scale) -> Terms:
    floor = scale.accuracy_floor
    gain = prediction.accuracy - floor
    latency = _share(prediction.total_ms, scale.latency_ms)
    if latency == 1.0 and scale.latency_ms > 0.0 and not scale.latency_has_budget:
        latency = prediction.total_ms / scale.latency_ms
    return Terms(
        accuracy=gain / (1.0 - floor) if gain > 0.0 else 0.0,
        latency=latency,
        cost=_share(prediction.cost_usd, scale.cost_usd),
    )


def utility(weights: Weights, terms: Terms) -> float:
    return (
        weights.accuracy * terms.accuracy
        - weights.latency * terms.latency
        - weights.cost * terms.cost
    )


def _share(part: float, whole: float) -> float:
    if part >= whole:
        # Against a free reference every cost is infinitely more expensive.
        return 1.0 if part > 0.0 else 0.0
    return part / whole
