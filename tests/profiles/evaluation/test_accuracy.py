from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.evaluation.accuracy import accuracy_by_difficulty, accuracy_by_scope, task_accuracy
from tests.profiles.evaluation.outcomes import an_outcome


@pytest.mark.parametrize(
    ("right", "items", "lower", "upper"),
    # 81 of 263, 15 of 148, 0 of 20 and 1 of 29 are the worked examples of Newcombe (1998).
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (10, 10, 0.7225, 1.0),
        (1, 1, 0.2065, 1.0),
    ],
)
def test_both_ends_are_those_of_wilson(right: int, items: int, lower: float, upper: float) -> None:
    accuracy = task_accuracy([1.0] * right + [0.0] * (items - right))
    assert accuracy.lower == pytest.approx(lower, abs=1e-4)
    assert accuracy.upper == pytest.approx(upper, abs=1e-4)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=300))
def test_the_mean_lies_between_the_ends_and_all_are_ratios(scores: list[float]) -> None:
    accuracy = task_accuracy(scores)
    assert 0 <= accuracy.lower <= accuracy.mean <= accuracy.upper <= 1


@given(st.integers(0, 20), st.integers(1, 20))
def test_more_items_of_the_same_mean_give_a_narrower_interval(right: int, wrong: int) -> None:
    few = task_accuracy([1.0] * right + [0.0] * wrong)
    many = task_accuracy(([1.0] * right + [0.0] * wrong) * 10)
    assert many.upper - many.lower < few.upper - few.lower


def test_an_item_counts_overall_and_for_its_task() -> None:
    accuracy = accuracy_by_scope(
        [
            an_outcome("a", 1.0, task="code"),
            an_outcome("b", 0.0, task="code"),
            an_outcome("c", 1.0, task="reasoning"),
        ]
    )
    assert {scope: (a.mean, a.items) for scope, a in accuracy.items()} == {
        "overall": (2 / 3, 3),
        "code": (0.5, 2),
        "reasoning": (1.0, 1),
    }


def test_an_item_without_a_score_counts_nowhere() -> None:
    outcomes = [an_outcome("a", 1.0), an_outcome("b", None, error="no answer", difficulty=0.1)]
    assert accuracy_by_scope(outcomes)["overall"].items == 1
    assert accuracy_by_difficulty(outcomes) == {}


@pytest.mark.parametrize(
    ("difficulty", "name"),
    [
        (0.0, "easy"),
        (0.33, "easy"),
        (0.34, "medium"),
        (0.66, "medium"),
        (0.67, "hard"),
        (1, "hard"),
    ],
)
def test_each_third_of_the_scale_has_its_name(difficulty: float, name: str) -> None:
    accuracy = accuracy_by_difficulty([an_outcome("a", 1.0, difficulty=difficulty)])
    assert list(accuracy) == [name]


def test_an_item_of_unsaid_difficulty_counts_in_none() -> None:
    outcomes = [an_outcome("a", 1.0, difficulty=None), an_outcome("b", 0.0, difficulty=0.9)]
    accuracy = accuracy_by_difficulty(outcomes)
    assert (list(accuracy), accuracy["hard"].items) == (["hard"], 1)
