"""Splits prompts so that no prompt, nor one that only looks different, is on both sides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import GroupKFold

from profiles.training.arrays import Ints
from profiles.training.outcomes import OutcomesUnusable, OutcomeTable, joined


@dataclass(frozen=True, kw_only=True)
class Split:
    train: Ints
    test: Ints


def folds(same_prompt: Ints, *, count: int, seed: int) -> list[Split]:
    """`count` splits; rows with equal numbers in `same_prompt` stay together."""
    groups = len(np.unique(same_prompt))
    if not 2 <= count <= groups:
        raise OutcomesUnusable(
            f"{groups} different prompts cannot make {count} folds; allowed: 2 to {groups}"
        )
    by_group = GroupKFold(count, shuffle=True, random_state=seed)
    return [
        Split(train=train, test=test)
        for train, test in by_group.split(same_prompt, groups=same_prompt)
    ]


def without_known_prompts(train: OutcomeTable, test: OutcomeTable) -> tuple[OutcomeTable, int]:
    """`test` without the prompts that `train` has too, and how many those were."""
    both = joined([train, test]).same_prompt
    unseen = np.flatnonzero(~np.isin(both[len(train) :], both[: len(train)]))
    if len(unseen) == 0:
        raise OutcomesUnusable("every prompt to measure on is also one to learn from")
    return test.rows(unseen), len(test) - len(unseen)
