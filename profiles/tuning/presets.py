"""Weights for each preset: tuned on all prompts, and shown on prompts kept aside from tuning.

A preset's wish determines its point on a curve.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from profiles.training.arrays import Floats, Ints
from profiles.training.folds import Split
from profiles.tuning.case import Answers, Case, Saved
from profiles.tuning.resample import Interval, Resamples
from profiles.tuning.sweep import Curve, Point, Result, picked, result_of
from serve_app.core.policy import Weights
from serve_app.core.request import Preset

# Sums of the same numbers in another order.
ROUNDING = 1e-12
# A smaller share of the reference pair's cost or latency is not worth other weights.
WORTH_CHANGING = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """Mean accuracy and mean of what is saved, of each point on a curve and of the reference pair.

    `lose` is the accuracy that may be lost against that pair.
    """

    accuracy: Floats
    spent: Floats
    reference_accuracy: float
    reference_spent: float
    lose: float


@dataclass(frozen=True, slots=True)
class Rule:
    """What accuracy is weighed against, from which ratio of their weights on, and where to stop.

    `saves` is whether saving is wanted for its own sake, `bounds_loss` whether only so much
    accuracy may be lost.
    """

    saved: Saved
    words: str
    pick: Callable[[Means], int]
    saves: bool = True
    least_ratio: float = 0.0
    bounds_loss: bool = False


def least_spent(means: Means) -> int:
    """Where no point keeps enough accuracy: the one that keeps most."""
    enough = means.accuracy >= means.reference_accuracy - means.lose - ROUNDING
    if not enough.any():
        return most_accurate(means)
    return _least(np.where(enough, means.spent, np.inf), -means.accuracy)


def knee(means: Means) -> int:
    """Beyond it, a share of the way to the best answers takes more than that share of the cost.

    It is the point farthest above the straight line from the cheapest answers to the best
    accuracy at the reference pair's cost: what sending prompts to either by lot would get.
    """
    first, best = _least(means.spent, -means.accuracy), most_accurate(means)
    gain = max(means.accuracy[best], means.reference_accuracy) - means.accuracy[first]
    price = max(means.spent[best], means.reference_spent) - means.spent[first]
    if gain <= 0 or price <= 0:
        return best
    above = (means.accuracy - means.accuracy[first]) / gain
    above -= (means.spent - means.spent[first]) / price
    return _least(-above, means.spent)


def most_accurate(means: Means) -> int:
    return _least(-means.accuracy, means.spent)


def rules(lose: float) -> Mapping[Preset, Rule]:
    """For every preset, with the accuracy that may be lost against the reference pair."""
    within = f"with at most {100 * lose:g} points of accuracy lost against the reference pair"
    above_a_lot = "most above what mixing cheapest and best by lot would get"
    most = "most accuracy, which weighs at least as much as cost"
    return {
        "batch": Rule("cost", f"least cost {within}", least_spent, bounds_loss=True),
        "balanced": Rule("cost", f"the knee: {above_a_lot}", knee),
        "quality": Rule("cost", most, most_accurate, saves=False, least_ratio=1.0),
        "chat": Rule("latency", f"least latency {within}", least_spent, bounds_loss=True),
    }


def _least(values: Floats, then: Floats) -> int:
    """The place of the least value; among equal ones, of the least in `then`."""
    best = np.flatnonzero(values <= values.min() + ROUNDING * max(1.0, abs(float(values.min()))))
    return int(best[then[best].argmin()])


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Tuned weights less those in use: in accuracy, and in what is saved, as a share of what the
    reference pair takes of it."""

    accuracy: Interval
    spent_share: Interval

    @property
    def in_accuracy(self) -> bool:
        return not self.accuracy.lower <= 0 <= self.accuracy.upper

    @property
    def in_spending(self) -> bool:
        """By more than is not worth other weights."""
        lower, upper = self.spent_share.lower, self.spent_share.upper
        return lower > WORTH_CHANGING or upper < -WORTH_CHANGING


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """A preset's best weights, on the curve that they were found on.

    `same` is what they get on the prompts they were tuned on. `aside` is the same rule followed on
    the other folds only, which gave `ratios_aside`, and measured on the fold kept aside, so it is
    what to expect. `present` is what the weights in use get, `difference` is `aside` less that;
    `told_apart` is whether it is one in what the preset wants.
    """

    preset: Preset
    rule: str
    saved: Saved
    ratio: float
    weights: Weights
    same: Result
    aside: Result
    ratios_aside: tuple[float, ...]
    present_weights: Weights
    present: Result
    difference: Difference
    told_apart: bool
    bounds_loss: bool
    curve: tuple[Point, ...]

    @property
    def advised(self) -> Weights:
        """Those in use, where the best ones do not clearly differ."""
        return self.weights if self.told_apart else self.present_weights

    def rules_out_more_loss_than(self, lose: float) -> bool:
        """Whether the interval rules out that more than `lose` is lost to the reference pair."""
        return self.aside.change_interval.lower >= -lose


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """On which splits of the case's prompts weights are tuned (`train`) and shown (`test`), and
    the accuracy that may be lost."""

    splits: Sequence[Split]
    lose: float
    resamples: Resamples


def advise(case: Case, present: Mapping[Preset, Weights], trial: Trial) -> tuple[Advice, ...]:
    """For every preset whose rule can be followed: none for latency where it is not known."""
    return tuple(
        _advise(case, preset, rule, present[preset], trial)
        for preset, rule in rules(trial.lose).items()
        if rule.saved in case.answers.spent
    )


def _advise(case: Case, preset: Preset, rule: Rule, present: Weights, trial: Trial) -> Advice:
    answers, lose, resamples = case.answers, trial.lose, trial.resamples
    curve = Curve.of(case, present, rule.saved)
    best = _pick(rule, curve, answers, np.arange(len(answers)), lose)
    aside, ratios = np.empty(len(answers), np.int64), []
    for split in trial.splits:
        found = _pick(rule, curve, answers, split.train, lose)
        aside[split.test] = curve.chosen[found][split.test]
        ratios.append(curve.ratios[found])
    now = case.choices.choose(present)
    spent, scores = answers.spent[rule.saved], answers.scores
    more = picked(spent, aside) - picked(spent, now)
    difference = Difference(
        accuracy=resamples.of_mean(picked(scores, aside) - picked(scores, now)),
        spent_share=resamples.of_ratio(more, spent[:, answers.reference]),
    )
    return Advice(
        preset=preset,
        rule=rule.words,
        saved=rule.saved,
        ratio=curve.ratios[best],
        weights=curve.weights[best],
        same=result_of(answers, curve.chosen[best], resamples),
        aside=result_of(answers, aside, resamples),
        ratios_aside=tuple(ratios),
        present_weights=present,
        present=result_of(answers, now, resamples),
        difference=difference,
        told_apart=difference.in_accuracy or (rule.saves and difference.in_spending),
        bounds_loss=rule.bounds_loss,
        curve=curve.points(answers, resamples),
    )


def _pick(rule: Rule, curve: Curve, answers: Answers, rows: Ints, lose: float) -> int:
    scores = answers.scores[rows]
    start = next(at for at, ratio in enumerate(curve.ratios) if ratio >= rule.least_ratio)
    spent, chosen = answers.spent[curve.saved][rows], curve.chosen[start:, rows]
    return start + rule.pick(
        Means(
            accuracy=np.array([picked(scores, columns).mean() for columns in chosen]),
            spent=np.array([picked(spent, columns).mean() for columns in chosen]),
            reference_accuracy=float(scores[:, answers.reference].mean()),
            reference_spent=float(spent[:, answers.reference].mean()),
            lose=lose,
        )
    )


def marks(answers: Answers, resamples: Resamples) -> Mapping[str, Result]:
    """What needs no weights: one pair for all, and the choice of one who knows every answer."""
    columns = {
        "the reference pair": np.full(len(answers), answers.reference),
        "the best single pair": np.full(len(answers), answers.best_single),
        "always the cheapest": answers.cheapest,
        "the oracle": answers.oracle,
    }
    return {name: result_of(answers, chosen, resamples) for name, chosen in columns.items()}
