"""Cases for tuning in which who is right and who is cheap is plain."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from profiles.training.folds import Split, folds
from profiles.training.outcomes import OutcomeTable
from profiles.tuning.case import Answers, Case
from profiles.tuning.choices import Choices

Floats = npt.NDArray[np.float64]
CHEAP, DEAR = PAIRS = ("cheap", "dear")
CHEAP_USD, DEAR_USD = 0.1, 1.0
# Predicted accuracy of both pairs, and who is right.
EASY = ((0.9, 0.9), (1.0, 1.0))
HARD = ((0.1, 0.9), (0.0, 1.0))
DOUBTED = ((0.5, 0.6), (1.0, 1.0))
# From here on the dear pair gets the hard prompts, and from there on the doubted ones too.
ENOUGH, TOO_MUCH = (DEAR_USD - CHEAP_USD) / 0.8, (DEAR_USD - CHEAP_USD) / 0.1


def a_case(
    predicted: Sequence[Sequence[float]],
    scores: Sequence[Sequence[float]],
    *,
    total_ms: Sequence[float] | None = None,
) -> Case:
    """One row per prompt, a column for each of both pairs; `total_ms` is of every prompt."""
    means, got = np.array(predicted, float), np.array(scores, float)
    usd = np.tile((CHEAP_USD, DEAR_USD), (len(got), 1))
    took = None if total_ms is None else np.tile(np.array(total_ms, float), (len(got), 1))
    table = OutcomeTable(
        prompts=tuple(f"prompt {row}" for row in range(len(got))),
        kinds=("any",) * len(got),
        pairs=PAIRS,
        scores=got,
        answer_chars=np.full(got.shape, np.nan),
    )
    return Case(
        table=table,
        choices=Choices(
            pairs=PAIRS,
            accuracy=means,
            latency=np.zeros(got.shape) if took is None else took / took.max(),
            cost=usd / DEAR_USD,
            allowed=np.ones(got.shape, bool),
            place=np.tile((0, 1), (len(got), 1)),
        ),
        answers=Answers(
            pairs=PAIRS,
            reference=1,
            scores=got,
            graded=np.ones(got.shape, bool),
            expected_usd=usd,
            cost_usd=usd,
            total_ms=took,
            same_prompt=table.same_prompt,
        ),
        rows=np.arange(len(got)),
        notes=(),
    )


def plain_case(count: int = 60, *, total_ms: Sequence[float] | None = None) -> Case:
    """A third of each: easy, hard, and easy ones that the prediction doubts."""
    kinds = [(EASY, HARD, DOUBTED)[row % 3] for row in range(count)]
    return a_case([kind[0] for kind in kinds], [kind[1] for kind in kinds], total_ms=total_ms)


def noise(count: int = 300, *, seed: int = 0) -> Case:
    """Predictions that say nothing of the scores."""
    random = np.random.default_rng(seed)
    predicted = random.random((count, 2))
    return a_case(predicted.tolist(), (random.random((count, 2)) < 0.5).astype(float).tolist())


def splits_of(case: Case, *, count: int = 3) -> list[Split]:
    return folds(case.table.same_prompt, count=count, seed=0)
