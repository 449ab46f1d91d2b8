"""What feedback makes of a pair's accuracy at a task: scores that fade, on top of the profile.

A profile's items count as observations made before; scores add theirs, each by its weight, halved
with every half life. The mean is that of all together, the bound the lower end of Wilson's
95 % interval with items and weight together as its number of observations: the weights of old
scores as an effective sample size, as in L. Kish, "Survey Sampling" (1965), for equal weights.
Time comes in as an argument.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
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

    Feedback counts for the profile that it was given under. A pair that is measured again
    starts without feedback: the old scores belong to another checkpoint, engine or version.
    """

    pair: str
    task: Task
    measured: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fading:
    """How fast scores fade, and the most that those of one subject and source may weigh."""

    half_life_s: float
    most_weight: float

    def kept(self, age_s: float) -> float:
        """The share of a weight that is left after `age_s`."""
        return exp2(-max(0.0, age_s) / self.half_life_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pile:
    """Scores of one source: summed weight, weighted sum, and how many there were."""

    weight: float = 0.0
    score: float = 0.0
    count: int = 0

    def faded(self, kept: float) -> Pile:
        return Pile(weight=self.weight * kept, score=self.score * kept, count=self.count)

    def plus(self, other: Pile, *, most_weight: float) -> Pile:
        """Both together; over the most weight, all of them shrink alike to make room."""
        total = self.weight + other.weight
        room = min(1.0, most_weight / total) if total > 0.0 else 1.0
        return Pile(
            weight=room * total,
            score=room * (self.score + other.score),
            count=self.count + other.count,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Scores of one subject as of `at_s`, the time of the last of them.

    Each source has a pile of its own, so that a flood of callers' scores takes no room from
    what grading has found.
    """

    callers: Pile = field(default_factory=Pile)
    shadows: Pile = field(default_factory=Pile)
    at_s: float = 0.0

    @classmethod
    def of(cls, score: float, *, weight: float, source: Source, now_s: float) -> Tally:
        pile = Pile(weight=weight, score=weight * score, count=1)
        if source == "caller":
            return cls(callers=pile, at_s=now_s)
        return cls(shadows=pile, at_s=now_s)

    def plus(self, other: Tally, fading: Fading) -> Tally:
        """All scores of both, as of the later one."""
        at_s = max(self.at_s, other.at_s)
        mine, others = fading.kept(at_s - self.at_s), fading.kept(at_s - other.at_s)
        most = fading.most_weight
        return Tally(
            callers=self.callers.faded(mine).plus(other.callers.faded(others), most_weight=most),
            shadows=self.shadows.faded(mine).plus(other.shadows.faded(others), most_weight=most),
            at_s=at_s,
        )

    def weight_at(self, now_s: float, fading: Fading) -> float:
        return (self.callers.weight + self.shadows.weight) * fading.kept(now_s - self.at_s)

    @property
    def mean(self) -> float:
        weight = self.callers.weight + self.shadows.weight
        return min(1.0, (self.callers.score + self.shadows.score) / weight)


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
        mean, lower = posterior(
            prior if profile.provenance.origin == "measured" else _elsewhere(prior, fading),
            weight=weight,
            score=tally.mean,
        )
        yield Belief(
            pair=subject.pair,
            task=subject.task,
            prior=prior,
            mean=mean,
            lower=lower,
            weight=weight,
            callers=tally.callers.count,
            shadows=tally.shadows.count,
            age_s=max(0.0, now_s - tally.at_s),
        )


def _elsewhere(prior: TaskAccuracy, fading: Fading) -> TaskAccuracy:
    """What others measured of other questions weighs no more than feedback may."""
    return replace(prior, items=min(prior.items, max(1, int(fading.most_weight))))
