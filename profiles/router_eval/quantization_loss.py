"""Whether what a profile says of a quantization's loss per task holds on other questions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from profiles.router_eval.fleet_outcomes import OwnAnswers
from profiles.router_eval.training_sources import said_of, trained_on, with_profiles
from profiles.training.folds import Rows, folds
from serve_app.core.profile import Profile

Floats = npt.NDArray[np.float64]
Progress = Callable[[str], None]

MODEL = "success model, added from its profile"
NO_CHANGE = "no change"
ONE_CHANGE = "one overall change"
TASK_CHANGE = "the profile's change per task"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeFigures:
    """How far the change that one way expects of a task lies from what was measured there.

    `squared_error` is a mean over tasks, by their questions; `nearer_share` is in how many halves
    that was less than with one overall change. `brier` is of single answers, when the change is
    put on what the model says of the parent.
    """

    squared_error: float
    nearer_share: float
    brier: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PairChange:
    """`noise` is the squared error that chance in the measured half alone makes."""

    change: float
    noise: float
    ways: Mapping[str, ChangeFigures]


@dataclass(frozen=True, slots=True, kw_only=True)
class LossBench:
    """By quantized pair."""

    questions: int
    halvings: int
    pairs: Mapping[str, PairChange]


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfTold:
    """One pair in one half: per way the error of its tasks and of its answers."""

    errors: Mapping[str, float]
    briers: Mapping[str, float]
    noise: float


def run(own: OwnAnswers, *, halvings: int, progress: Progress) -> LossBench:
    """Profiles are made of one half of the questions and tried on the other.

    Raises `OutcomesUnusable`.
    """
    told: dict[str, list[HalfTold]] = {}
    for seed in range((halvings + 1) // 2):
        progress(f"halving {2 * seed + 1} of {halvings}")
        for split in folds(own.table.same_prompt, count=2, seed=seed):
            for pair, half in _half(own, split.train, split.test, seed).items():
                told.setdefault(pair, []).append(half)
    scores = own.table.scores
    parent = {profile.pair: profile.parent for profile in own.profiles}
    changes = {
        pair: scores[:, own.table.column(pair)] - scores[:, own.table.column(parent[pair] or pair)]
        for pair in told
    }
    return LossBench(
        questions=len(own.table),
        halvings=2 * ((halvings + 1) // 2),
        pairs={
            pair: PairChange(
                change=float(changes[pair].mean()),
                noise=float(np.mean([half.noise for half in halves])),
                ways={way: _figures(halves, way) for way in halves[0].errors},
            )
            for pair, halves in told.items()
        },
    )


def report(result: LossBench) -> str:
    lines = [f"{result.questions} questions, halved {result.halvings} times"]
    for pair, told in result.pairs.items():
        lines.append(
            f"{pair}: change {told.change:+.3f} overall; chance alone makes a root mean squared "
            f"error of {told.noise**0.5:.4f}"
        )
        lines += [
            f"    {way:40} {one.squared_error**0.5:.4f}, nearer than one overall change in "
            f"{one.nearer_share:.0%}; Brier {one.brier:.4f}"
            for way, one in told.ways.items()
        ]
    return "\n".join(lines)


def _figures(halves: Sequence[HalfTold], way: str) -> ChangeFigures:
    return ChangeFigures(
        squared_error=float(np.mean([half.errors[way] for half in halves])),
        nearer_share=float(
            np.mean([half.errors[way] < half.errors[ONE_CHANGE] for half in halves])
        ),
        brier=float(np.mean([half.briers[way] for half in halves])),
    )


def _half(own: OwnAnswers, known: Rows, asked: Rows, seed: int) -> dict[str, HalfTold]:
    profiles = own.profiles_measured_on(known)
    quantized = [profile for profile in profiles if profile.parent in own.unquantized]
    parents = trained_on(own, known, own.unquantized, seed)
    means = said_of(with_profiles(parents, quantized, own.questions_of(known)), own, asked).means
    return {profile.pair: _told(own, profile, asked, means) for profile in quantized}


def _told(own: OwnAnswers, profile: Profile, asked: Rows, means: Floats) -> HalfTold:
    at, parent = own.table.column(profile.pair), own.table.column(profile.parent or "")
    scores = own.table.scores[asked]
    change = scores[:, at] - scores[:, parent]
    per_task, overall = profile.against_parent, profile.against_parent["overall"].change
    tasks = own.tasks_of(asked)
    expected = {
        MODEL: means[:, at] - means[:, parent],
        NO_CHANGE: np.zeros(len(asked)),
        ONE_CHANGE: np.full(len(asked), overall),
        TASK_CHANGE: np.array([per_task[task].change for task in tasks]),
    }
    return HalfTold(
        errors={way: _task_error(each, change, tasks) for way, each in expected.items()},
        briers={
            way: float((((means[:, parent] + each).clip(0, 1) - scores[:, at]) ** 2).mean())
            for way, each in expected.items()
        },
        noise=_noise(change, tasks),
    )


def _task_error(expected: Floats, change: Floats, tasks: Sequence[str]) -> float:
    of_task = np.array(tasks)
    return float(
        sum(
            (of_task == task).mean() * (expected - change)[of_task == task].mean() ** 2
            for task in sorted(set(tasks))
        )
    )


def _noise(change: Floats, tasks: Sequence[str]) -> float:
    of_task = np.array(tasks)
    return float(
        sum(
            (of_task == task).mean() * change[of_task == task].var(ddof=1) / (of_task == task).sum()
            for task in sorted(set(tasks))
        )
    )
