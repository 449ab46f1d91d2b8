"""Accuracy against what it costs, as one weight gives way to the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

import numpy as np

from profiles.training.arrays import Floats, Ints
from profiles.tuning.case import Answers, Case, Saved
from profiles.tuning.resample import Interval, Resamples
from serve_app.core.policy import Weights

# Weights are written with so many digits, and tuned as they are written.
DIGITS = 4
RATIOS = (0.0, *np.geomspace(0.1, 100.0, 49).round(6).tolist(), inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a way to choose gets: accuracy, US dollars and predicted latency per prompt.

    `change` is in accuracy against the reference pair, `cost_share` the cost as a share of that
    pair's. `pairs` has each pair's share of the prompts.
    """

    accuracy: float
    change: float
    change_interval: Interval
    usd: float
    cost_share: float
    cost_share_interval: Interval
    total_ms: float | None
    pairs: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One setting on the curve; `ratio` is the weight of accuracy over that of what is saved."""

    ratio: float
    weights: Weights
    result: Result


def weights_on_curve(present: Weights, saved: Saved) -> list[tuple[float, Weights]]:
    """Accuracy against cost, or against latency; the third weight keeps its share of all three."""
    third = present.latency if saved == "cost" else present.cost
    whole = present.accuracy + present.latency + present.cost
    kept = round(third / whole if 0 < third < whole else 0.0, DIGITS)
    found: dict[Weights, float] = {}
    for ratio in RATIOS:
        accuracy = round((1 - kept) * (1 / (1 + 1 / ratio) if ratio else 0.0), DIGITS)
        rest = round(1 - kept - accuracy, DIGITS)
        weights = (
            Weights(accuracy=accuracy, latency=kept, cost=rest)
            if saved == "cost"
            else Weights(accuracy=accuracy, latency=rest, cost=kept)
        )
        found.setdefault(weights, ratio)
    return [(ratio, weights) for weights, ratio in found.items()]


@dataclass(frozen=True, kw_only=True)
class Curve:
    """`chosen` (points, prompts) are columns of pairs."""

    saved: Saved
    ratios: tuple[float, ...]
    weights: tuple[Weights, ...]
    chosen: Ints

    @classmethod
    def of(cls, case: Case, present: Weights, saved: Saved) -> Curve:
        points = weights_on_curve(present, saved)
        return cls(
            saved=saved,
            ratios=tuple(ratio for ratio, _ in points),
            weights=tuple(weights for _, weights in points),
            chosen=np.array([case.choices.choose(weights) for _, weights in points]),
        )

    def points(self, answers: Answers, resamples: Resamples) -> tuple[Point, ...]:
        return tuple(
            Point(ratio=ratio, weights=weights, result=result_of(answers, chosen, resamples))
            for ratio, weights, chosen in zip(self.ratios, self.weights, self.chosen, strict=True)
        )


def picked(values: Floats, chosen: Ints) -> Floats:
    """Of each row the value in the column chosen."""
    return np.asarray(values[np.arange(len(values)), chosen])


def result_of(answers: Answers, chosen: Ints, resamples: Resamples) -> Result:
    scores, usd = picked(answers.scores, chosen), picked(answers.cost_usd, chosen)
    gained = scores - answers.scores[:, answers.reference]
    reference_usd = answers.cost_usd[:, answers.reference]
    total_ms = None if answers.total_ms is None else float(picked(answers.total_ms, chosen).mean())
    shares = np.bincount(chosen, minlength=len(answers.pairs)) / len(chosen)
    whole = float(reference_usd.sum())
    return Result(
        accuracy=float(scores.mean()),
        change=float(gained.mean()),
        change_interval=resamples.of_mean(gained),
        usd=float(usd.mean()),
        cost_share=float(usd.sum()) / whole if whole > 0 else float("nan"),
        cost_share_interval=resamples.of_ratio(usd, reference_usd),
        total_ms=total_ms,
        pairs=dict(zip(answers.pairs, shares.tolist(), strict=True)),
    )
