"""Soft preferences among pairs that may serve: three terms and their weighted sum.

The operator's policy: how much accuracy, latency and cost weigh against each other.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, get_args

from annotated_types import Ge

from serve_app.core.catalog import Catalog
from serve_app.core.decision import Prediction, Terms
from serve_app.core.predict import expected_usage
from serve_app.core.request import Constraints, Features, Preset
from serve_app.core.units import Ratio

NUMERIC_GUARD_SHARE = 0.30
PUBLISHED_MARGIN = 1.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What one term of the utility is worth against the others."""

    accuracy: Ratio
    latency: Ratio
    cost: Ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What decides between pairs that all meet a request's constraints.

    `reference_pair` is what a request would cost without routing; candidates' costs are
    shares of its cost. Prompts with more than `numeric_guard_share` numeric tokens never go
    to FP8 activations. `published_margin` multiplies the latencies of profiles that were not
    measured on this hardware. A pair whose golden set failed is not chosen, unless `golden_gate`
    is off. Raises `ValueError` when a preset has no weights, or the margin
    would make a published profile faster than its figures.
    """

    weights: Mapping[Preset, Weights]
    reference_pair: str
    numeric_guard_share: Ratio = NUMERIC_GUARD_SHARE
    published_margin: Annotated[float, Ge(1)] = PUBLISHED_MARGIN
    golden_gate: bool = True

    def __post_init__(self) -> None:
        missing = [preset for preset in get_args(Preset) if preset not in self.weights]
        if missing:
            raise ValueError(
                f"weights has {sorted(self.weights)} but no {missing}: "
                f"give accuracy, latency and cost weights for every preset"
            )
        # Written so that NaN is refused too.
        if not self.published_margin >= 1.0:
            raise ValueError(
                f"published_margin is {self.published_margin!r}; it should be 1 or more, as what "
                f"others measured is not to be bettered here"
            )


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
