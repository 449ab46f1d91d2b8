"""Splits prompts so that no prompt, nor one that only looks different, is on both sides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from profiles.training.outcomes import OutcomesUnusable, OutcomeTable

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Split:
    """Rows to learn from and rows to measure on."""

    train: Rows
    test: Rows


def folds(same_prompt: Rows, *, count: int, seed: int) -> list[Split]:
    """`count` splits; rows with equal numbers in `same_prompt` stay together."""
    groups = int(same_prompt.max()) + 1
    if not 2 <= count <= groups:
        raise OutcomesUnusable(
            f"{groups} different prompts cannot make {count} folds; allowed: 2 to {groups}"
        )
    fold_of_group = np.random.default_rng(seed).permutation(groups) % count
    fold = fold_of_group[same_prompt]
    return [
        Split(train=np.flatnonzero(fold != at), test=np.flatnonzero(fold == at))
        for at in range(count)
    ]


def without_known_prompts(train: OutcomeTable, test: OutcomeTable) -> tuple[OutcomeTable, int]:
    """`test` without the prompts that `train` has too, and how many those were."""
    both = OutcomeTable(
        prompts=train.prompts + test.prompts,
        kinds=train.kinds + test.kinds,
        pairs=("any",),
        scores=np.zeros((len(train) + len(test), 1)),
        answer_chars=np.zeros((len(train) + len(test), 1)),
    ).same_prompt
    unseen = np.flatnonzero(~np.isin(both[len(train) :], both[: len(train)]))
    if len(unseen) == 0:
        raise OutcomesUnusable("every prompt to measure on is also one to learn from")
    return test.rows(unseen), len(test) - len(unseen)
