"""Accuracy after feedback: scores that fade, added to what a profile measured.

The items of a profile count as earlier observations. Each score adds its weight, which halves with
every half life. The mean is the mean of both together. The lower bound moves as far as the lower
end of Wilson's 95% interval does. Its number of observations is items plus weight: the effective
sample size of L. Kish, "Survey Sampling" (1965), for equal weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import exp2, inf

from serve_app.core.catalog import Catalog
from serve_app.core.events import ScoreSource
from serve_app.core.intervals import wilson
from serve_app.core.profile import Correction, TaskAccuracy
from serve_app.core.request import Task
from serve_app.settings import FeedbackSettings

DECAYED_WEIGHT = 0.01
# The reason of a decision shows this many decimals of a correction.
DECIMALS = 3
NOTHING = Correction(mean=0.0, lower=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairTask:
    """A pair at a task, as described by the profile of the date `measured`.

    A new profile starts without scores. Earlier ones may be about another checkpoint or engine.
    """

    pair: str
    task: Task
    measured: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTotals:
    """Scores of one source as of `at_s`, the time of the last one: weight, weighted sum, count."""

    weight: float = 0.0
    score: float = 0.0
    count: int = 0
    at_s: float = -inf

    def at(self, now_s: float, settings: FeedbackSettings) -> SourceTotals:
        """The same with the weights of a later time."""
        share = exp2(-max(0.0, now_s - self.at_s) / settings.half_life_s)
        return replace(self, weight=self.weight * share, score=self.score * share)

    def plus(self, other: SourceTotals, settings: FeedbackSettings) -> SourceTotals:
        """Both, as of the later one. Above the maximum weight, old and new scores shrink alike."""
        at_s = max(self.at_s, other.at_s)
        mine, others = self.at(at_s, settings), other.at(at_s, settings)
        weight, score = mine.weight + others.weight, mine.score + others.score
        room = min(1.0, settings.max_weight / weight) if weight else 1.0
        count = self.count + other.count
        return SourceTotals(weight=room * weight, score=room * score, count=count, at_s=at_s)


# The sources are separate: a flood of callers' scores cannot displace the results of grading.
ScoreTotals = Mapping[tuple[PairTask, ScoreSource], SourceTotals]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyEstimate:
    """A pair's accuracy at a task: the profile's `prior`, moved to `mean` and `lower`.

    `weight` is what the scores weigh now, in items of a profile. `age_s` is the age of the last.
    """

    pair: str
    task: Task
    prior: TaskAccuracy
    mean: float
    lower: float
    weight: float
    callers: int
    shadows: int
    age_s: float

    @property
    def correction(self) -> Correction:
        return Correction(
            mean=round(self.mean - self.prior.mean, DECIMALS),
            lower=round(self.lower - self.prior.lower, DECIMALS),
        )


def posterior(prior: TaskAccuracy, *, weight: float, score: float) -> tuple[float, float]:
    """Mean and lower bound after scores of mean `score` with the weight of `weight` items.

    The bound moves by the change of Wilson's bound: without weight it stays that of the profile.
    """
    items = prior.items + weight
    mean = min(1.0, (prior.items * prior.mean + weight * score) / items)
    moved = wilson(mean, items)[0] - wilson(prior.mean, prior.items)[0]
    return mean, min(max(prior.lower + moved, 0.0), mean)


def estimates(
    catalog: Catalog, totals: ScoreTotals, *, now_s: float, settings: FeedbackSettings
) -> tuple[AccuracyEstimate, ...]:
    """One for each pair and task of the catalog whose scores have not faded, sorted."""
    found = []
    for key in {key for key, _ in totals}:
        callers = totals.get((key, "caller"), SourceTotals()).at(now_s, settings)
        shadows = totals.get((key, "shadow"), SourceTotals()).at(now_s, settings)
        weight, profile = callers.weight + shadows.weight, catalog.profiles.get(key.pair)
        if profile is None or profile.provenance.date != key.measured or weight < DECAYED_WEIGHT:
            continue
        prior = known = profile.accuracy.get(key.task) or profile.accuracy["overall"]
        if profile.provenance.origin == "published":
            # Published figures are about other questions. They weigh no more than feedback may.
            known = replace(prior, items=min(prior.items, max(1, int(settings.max_weight))))
        mean_score = min(1.0, (callers.score + shadows.score) / weight)
        mean, lower = posterior(known, weight=weight, score=mean_score)
        found.append(
            AccuracyEstimate(
                pair=key.pair,
                task=key.task,
                prior=prior,
                mean=mean,
                lower=lower,
                weight=weight,
                callers=callers.count,
                shadows=shadows.count,
                age_s=max(0.0, now_s - max(callers.at_s, shadows.at_s)),
            )
        )
    return tuple(sorted(found, key=lambda each: (each.pair, each.task)))


def corrected(
    catalog: Catalog, totals: ScoreTotals, *, now_s: float, settings: FeedbackSettings
) -> Catalog:
    """The catalog with the corrections of these scores: itself, if it has them already."""
    found = estimates(catalog, totals, now_s=now_s, settings=settings)
    new = {(e.pair, e.task): e.correction for e in found if e.correction != NOTHING}
    return catalog if new == catalog.corrections else replace(catalog, corrections=new)
