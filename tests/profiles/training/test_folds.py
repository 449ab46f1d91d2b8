from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from profiles.training.folds import folds, without_known_prompts
from profiles.training.outcomes import OutcomesUnusable, OutcomeTable


def table(*prompts: str) -> OutcomeTable:
    nothing = np.zeros((len(prompts), 1))
    return OutcomeTable(
        prompts=prompts,
        kinds=("any",) * len(prompts),
        pairs=("x",),
        scores=nothing,
        answer_chars=nothing,
    )


def test_every_prompt_is_asked_once_and_never_learned_from_at_the_same_time() -> None:
    splits = folds(np.arange(23), count=5, seed=3)
    assert sorted(np.concatenate([split.test for split in splits])) == list(range(23))
    assert all(not set(split.train) & set(split.test) for split in splits)


def test_prompts_that_only_look_different_stay_together() -> None:
    same = table("What is 2+2?", "what  is 2 2", "Who was he?", "Where?", "When?").same_prompt
    assert same[0] == same[1] != same[2]
    for split in folds(same, count=2, seed=0):
        assert (0 in split.test) == (1 in split.test)


def test_the_same_seed_makes_the_same_folds() -> None:
    first, again, other = (
        [split.test.tolist() for split in folds(np.arange(50), count=5, seed=seed)]
        for seed in (1, 1, 2)
    )
    assert first == again != other


def test_more_folds_than_different_prompts_are_refused() -> None:
    with pytest.raises(OutcomesUnusable, match="allowed: 2 to 3"):
        folds(np.array([0, 0, 1, 2]), count=4, seed=0)


def test_prompts_that_were_trained_on_are_left_out_of_the_test() -> None:
    unseen, dropped = without_known_prompts(table("a", "b c"), table("B, c!", "d"))
    assert (unseen.prompts, dropped) == (("d",), 1)


def test_a_test_without_unseen_prompts_is_refused() -> None:
    known = table("a", "b")
    with pytest.raises(OutcomesUnusable, match="every prompt"):
        without_known_prompts(known, replace(known))
