"""What feedback makes of a pair's accuracy at a task: scores that fade, on top of the profile.

A profile's items count as observations made before; scores add theirs, each by its weight, halved
with every half life. The mean is that of all together, the bound the lower end of Wilson's
95 % interval with items and weight together as its number of observations: the weights of old
scores as an effective sample size, as in L. Kish, "Survey Sampling" (1965), for equal weights.
Time comes in as an argument.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import exp2
from typing import Literal

from serve_app.core.catalog import Catalog
from serve_app.core.intervals import wilson
from serve_app.core.profile import Correction, TaskAccuracy
from serve_app.core.request import Task

Source = Literal["caller", "shadow"]

FADED_WEIGHT = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A pair at a task, as the profile of the date `measured` describes it.

    Feedback counts for the profile that it was given under. A pair measured anew is judged by
    what was measured: what was said before was said of another checkpoint, engine or version.
    """

    pair: str
    task: Task
    measured: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fading:
    """How fast scores fade, and the most that all of one subject may weigh together."""

    half_life_s: float
    most_weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Scores of one subject: summed weight and weighted sum as of `at_s`, the last of them."""

    weight: float = 0.0
    score: float = 0.0
    callers: int = 0
    shadows: int = 0
    at_s: float = 0.0

    def plus(
        self, score: float, *, weight: float, source: Source, now_s: float, fading: Fading
    ) -> Tally:
        """With one more score; over the most weight, all of them shrink together to make room."""
        total = self.weight_at(now_s, fading) + weight
        room = min(1.0, fading.most_weight / total)
        return Tally(
            weight=room * total,
            score=room * (self.score * self._kept(now_s, fading) + weight * score),
            callers=self.callers + (source == "caller"),
            shadows=self.shadows + (source == "shadow"),
            at_s=now_s,
        )

    def weight_at(self, now_s: float, fading: Fading) -> float:
        return self.weight * self._kept(now_s, fading)

    @property
    def mean(self) -> float:
        return min(1.0, self.score / self.weight)

    def _kept(self, now_s: float, fading: Fading) -> float:
        return exp2(-max(0.0, now_s - self.at_s) / fading.half_life_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Belief:
    """What is held of a pair at a task: the profile's `prior`, moved to `mean` and `lower`.

    `weight` is what the scores weigh now, in items of a profile; `age_s` is since the last.
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
        return Correction(mean=self.mean - self.prior.mean, lower=self.lower - self.prior.lower)


def posterior(prior: TaskAccuracy, *, weight: float, score: float) -> tuple[float, float]:
    """Mean and lower bound after scores of mean `score` that weigh as much as `weight` items.

    The bound moves by what Wilson's interval moves: without weight it is the profile's own,
    however that was made.
    """
    items = prior.items + weight
    mean = min(1.0, (prior.items * prior.mean + weight * score) / items)
    moved = wilson(mean, items)[0] - wilson(prior.mean, prior.items)[0]
    return mean, min(max(prior.lower + moved, 0.0), mean)


def beliefs(
    catalog: Catalog, tallies: Mapping[Subject, Tally], *, now_s: float, fading: Fading
) -> Iterator[Belief]:
    """One for each tally of a pair as the catalog has it, unless it has faded."""
    for subject, tally in tallies.items():
        profile = catalog.profiles.get(subject.pair)
        weight = tally.weight_at(now_s, fading)
        if profile is None or profile.provenance.date != subject.measured or weight < FADED_WEIGHT:
            continue
        prior = profile.accuracy.get(subject.task) or profile.accuracy["overall"]
        mean, lower = posterior(prior, weight=weight, score=tally.mean)
        yield Belief(
            pair=subject.pair,
            task=subject.task,
            prior=prior,
            mean=mean,
            lower=lower,
            weight=weight,
            callers=tally.callers,
            shadows=tally.shadows,
            age_s=max(0.0, now_s - tally.at_s),
        )
