"""Which pair the router would choose for each prompt under any weights.

Terms, constraints and the order of ties come from the router's own code, once per prompt; only the
weighted sum is done here for all prompts at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from profiles.training.arrays import Bools, Floats, Ints
from serve_app.core.constraints import violation
from serve_app.core.decision import Decision, Prediction, Terms
from serve_app.core.policy import Weights
from serve_app.core.request import Constraints
from serve_app.core.scoring import Scale, terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """One prompt before any pair is asked: predictions of all pairs, terms of those that weights
    may choose between, and whether its figures keep it from some pair."""

    predictions: Mapping[str, Prediction]
    terms: Mapping[str, Terms]
    numeric_guarded: bool = False


def outlook_of(decision: Decision, predictions: Mapping[str, Prediction]) -> Outlook:
    """Weights choose between the pairs that meet all constraints.

    Where none does, they choose between those that miss the least.
    """
    left = decision.ranked
    if not left:
        missed = [violation(decision.constraints, one.prediction) for one in decision.candidates]
        by_miss = zip(decision.candidates, missed, strict=True)
        left = tuple(one for one, by in by_miss if by == min(missed))
    return Outlook(
        predictions=predictions,
        terms={one.pair: one.terms for one in left if one.terms is not None},
        numeric_guarded=any(one.rule == "numeric_guard" for one in decision.rejected),
    )


def outlook_without_constraints(
    predictions: Mapping[str, Prediction], reference_pair: str
) -> Outlook:
    reference_usd = predictions[reference_pair].cost_usd
    scale = Scale.of(Constraints(), predictions.values(), reference_usd)
    return Outlook(
        predictions=predictions,
        terms={pair: terms(prediction, scale) for pair, prediction in predictions.items()},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """Terms (prompts, pairs), who may be chosen, and who goes first where utilities are equal."""

    pairs: tuple[str, ...]
    accuracy: Floats
    latency: Floats
    cost: Floats
    allowed: Bools
    place: Ints

    @classmethod
    def of(cls, pairs: tuple[str, ...], outlooks: Sequence[Outlook]) -> Choices:
        found = np.zeros((3, len(outlooks), len(pairs)))
        allowed = np.zeros((len(outlooks), len(pairs)), bool)
        place = np.zeros((len(outlooks), len(pairs)), np.int64)
        for row, outlook in enumerate(outlooks):
            place[row] = _places(pairs, outlook.predictions)
            for pair, part in outlook.terms.items():
                column = pairs.index(pair)
                found[:, row, column] = part.accuracy, part.latency, part.cost
                allowed[row, column] = True
        accuracy, latency, cost = found
        return cls(
            pairs=pairs, accuracy=accuracy, latency=latency, cost=cost, allowed=allowed, place=place
        )

    def choose(self, weights: Weights) -> Ints:
        """The column of the pair chosen for each prompt, as `decide` would choose."""
        # Term by term as in `scoring.utility`, so that equal utilities are equal here too.
        utility = (
            weights.accuracy * self.accuracy
            - weights.latency * self.latency
            - weights.cost * self.cost
        )
        best = np.where(self.allowed, utility, -np.inf)
        first = best == best.max(axis=1, keepdims=True)
        return np.asarray(np.where(first, self.place, len(self.pairs)).argmin(axis=1))


def _places(pairs: tuple[str, ...], predictions: Mapping[str, Prediction]) -> list[int]:
    """Ties go to the cheaper pair, then the faster one, then by name."""
    in_order = sorted(
        pairs, key=lambda pair: (predictions[pair].cost_usd, predictions[pair].total_ms, pair)
    )
    return [in_order.index(pair) for pair in pairs]
