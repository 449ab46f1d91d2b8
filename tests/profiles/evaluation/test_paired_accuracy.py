from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.evaluation import paired_accuracy
from profiles.evaluation.accuracy import compared, task_accuracy
from serve_app.core.profile import PairedAccuracy
from tests.profiles.evaluation.outcomes import an_outcome

Scores = list[tuple[float, float]]


def table(*, both: int, own_only: int, parent_only: int, neither: int) -> Scores:
    """Scores of own and parent, as a two-by-two table counts them."""
    return (
        [(1.0, 1.0)] * both
        + [(1.0, 0.0)] * own_only
        + [(0.0, 1.0)] * parent_only
        + [(0.0, 0.0)] * neither
    )


def width(accuracy: PairedAccuracy) -> float:
    return accuracy.upper - accuracy.lower


def unpaired_width(scores: Scores) -> float:
    """The 95 % interval of the difference, were the two measured on different items."""
    own, parent = (task_accuracy([pair[side] for pair in scores]) for side in (0, 1))
    below = ((own.mean - own.lower) ** 2 + (parent.upper - parent.mean) ** 2) ** 0.5
    above = ((own.upper - own.mean) ** 2 + (parent.mean - parent.lower) ** 2) ** 0.5
    return below + above


def test_the_interval_is_the_published_one_for_a_published_table() -> None:
    # Airway hyper-responsiveness before and after transplantation, Bentur et al. (2009), as given
    # by Fagerland, Lydersen and Laake (2014) for Newcombe's interval.
    accuracy = compared(table(both=1, own_only=1, parent_only=7, neither=12))
    assert accuracy.change == pytest.approx(-0.286, abs=5e-4)
    assert (accuracy.lower, accuracy.upper) == pytest.approx((-0.507, -0.026), abs=5e-4)


def test_lost_and_won_items_are_counted() -> None:
    accuracy = compared(table(both=50, own_only=2, parent_only=5, neither=10))
    assert (accuracy.items, accuracy.lost, accuracy.won) == (67, 5, 2)
    assert accuracy.change == pytest.approx(-3 / 67)


def test_a_small_loss_shows_that_two_separate_intervals_would_hide() -> None:
    scores = table(both=120, own_only=1, parent_only=14, neither=65)
    own, parent = (task_accuracy([pair[side] for pair in scores]) for side in (0, 1))
    assert parent.lower < own.mean
    assert own.upper > parent.mean
    assert compared(scores).upper < 0


@given(
    agree=st.integers(20, 200),
    wrong=st.integers(20, 200),
    lost=st.integers(0, 5),
    won=st.integers(0, 5),
)
def test_scores_that_mostly_agree_give_a_narrower_interval_than_two_separate_ones(
    agree: int, wrong: int, lost: int, won: int
) -> None:
    scores = table(both=agree, own_only=won, parent_only=lost, neither=wrong)
    assert width(compared(scores)) < unpaired_width(scores)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=100))
def test_the_change_lies_between_ends_that_are_changes(scores: Scores) -> None:
    accuracy = compared(scores)
    assert -1 <= accuracy.lower <= accuracy.change <= accuracy.upper <= 1


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=100))
def test_exchanging_pair_and_parent_mirrors_the_comparison(scores: Scores) -> None:
    one = compared(scores)
    other = compared([(parent, own) for own, parent in scores])
    assert (other.lost, other.won) == (one.won, one.lost)
    assert other.change == pytest.approx(-one.change, abs=1e-9)
    assert (other.lower, other.upper) == pytest.approx((-one.upper, -one.lower), abs=1e-9)


@pytest.mark.parametrize("fraction", [1.0, 0.6])
def test_the_interval_holds_the_true_change_at_least_as_often_as_it_says(fraction: float) -> None:
    """Right answers score 1, or 0.6 and 1 in turn: scores in between are held as well."""
    random, trials, held = Random(7), 2000, 0
    for _ in range(trials):
        scores = []
        for number in range(100):
            roll = random.random()
            right = fraction if number % 2 else 1.0
            own, parent = (roll < 0.62, roll < 0.60 or roll > 0.90)
            scores.append((own * right, parent * right))
        true_change = (0.62 - 0.70) * (fraction + 1) / 2
        accuracy = compared(scores)
        held += accuracy.lower <= true_change <= accuracy.upper
    assert held / trials >= 0.94


def test_items_are_compared_per_task_and_overall() -> None:
    own = [an_outcome("a", 0.0, task="code"), an_outcome("b", 1.0, task="reasoning")]
    parent = [an_outcome("a", 1.0, task="code"), an_outcome("b", 1.0, task="reasoning")]
    accuracy = paired_accuracy(own, parent)
    assert {scope: (a.change, a.items) for scope, a in accuracy.items()} == {
        "overall": (-0.5, 2),
        "code": (-1.0, 1),
        "reasoning": (0.0, 1),
    }


def test_the_order_of_the_outcomes_does_not_matter() -> None:
    own = [an_outcome(str(number), number % 2) for number in range(9)]
    parent = [an_outcome(str(number), 1.0) for number in range(9)]
    assert paired_accuracy(own[::-1], parent) == paired_accuracy(own, parent)


def test_only_items_that_both_have_a_score_for_are_compared() -> None:
    own = [
        an_outcome("both"),
        an_outcome("mine"),
        an_outcome("failed", None, error="no answer"),
        an_outcome("parent failed"),
    ]
    parent = [
        an_outcome("both"),
        an_outcome("theirs"),
        an_outcome("failed"),
        an_outcome("parent failed", None, error="no answer"),
    ]
    assert paired_accuracy(own, parent)["overall"].items == 1


def test_an_item_that_was_changed_in_between_is_not_compared() -> None:
    own = [an_outcome("a", digest="new"), an_outcome("b")]
    parent = [an_outcome("a", digest="old"), an_outcome("b")]
    assert paired_accuracy(own, parent)["overall"].items == 1


def test_nothing_in_common_compares_nothing() -> None:
    assert paired_accuracy([an_outcome("a")], [an_outcome("b")]) == {}
