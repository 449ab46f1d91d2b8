"""A comparison moves an estimate by its evidence, and a true estimate by nothing on average."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.feedback.grading import Comparison, Grade, Rates, grade

shares = st.floats(0.01, 0.99)
rates = st.builds(Rates, both_right=shares, one_right=shares, both_wrong=shares)
TELLING = Rates(both_right=0.9, one_right=0.05, both_wrong=0.3)


def graded_by(rates: Rates, *, same: bool, answer: float, reference: float) -> Grade:
    return grade(Comparison(same=same, rates=rates), answer=answer, reference=reference)


def share_the_same(rates: Rates, *, answer: float, reference: float) -> float:
    """How often pairs that are right this often are found to say the same."""
    return (
        answer * reference * rates.both_right
        + (answer * (1 - reference) + (1 - answer) * reference) * rates.one_right
        + (1 - answer) * (1 - reference) * rates.both_wrong
    )


def mean_score(rates: Rates, *, estimated: float, true: float, reference: float) -> float:
    """Of many answers by a pair that is right as often as `true`."""
    same = share_the_same(rates, answer=true, reference=reference)
    scores = [
        graded_by(rates, same=comparison, answer=estimated, reference=reference).score
        for comparison in (True, False)
    ]
    return same * scores[0] + (1 - same) * scores[1]


@given(rates=rates, answer=shares, reference=shares)
def test_a_pair_as_good_as_estimated_is_moved_by_nothing_on_average(
    rates: Rates, answer: float, reference: float
) -> None:
    mean = mean_score(rates, estimated=answer, true=answer, reference=reference)

    assert mean == pytest.approx(answer)


@pytest.mark.parametrize(("true", "sign"), [(0.4, -1), (0.95, 1)])
def test_a_pair_that_is_worse_or_better_than_estimated_is_moved_towards_the_truth(
    true: float, sign: int
) -> None:
    mean = mean_score(TELLING, estimated=0.8, true=true, reference=0.9)

    assert (mean - 0.8) * sign > 0.02
    assert abs(mean - 0.8) < abs(true - 0.8)


@given(rates=rates, answer=shares, reference=shares, same=st.booleans())
def test_scores_and_confidence_are_shares(
    rates: Rates, answer: float, reference: float, same: bool
) -> None:
    graded = graded_by(rates, same=same, answer=answer, reference=reference)

    assert 0 <= graded.score <= 1
    assert 0 <= graded.confidence <= 1


@pytest.mark.parametrize("same", [True, False])
def test_a_comparison_without_evidence_leaves_the_estimate_and_weighs_nothing(same: bool) -> None:
    blind = Rates(both_right=0.5, one_right=0.5, both_wrong=0.5)

    graded = graded_by(blind, same=same, answer=0.8, reference=0.9)

    assert graded.score == pytest.approx(0.8)
    assert graded.confidence == pytest.approx(0)


def test_a_verdict_that_never_errs_against_a_pair_that_never_errs_is_sure() -> None:
    sure = Rates(both_right=1.0, one_right=0.0, both_wrong=0.0)

    right = graded_by(sure, same=True, answer=0.8, reference=1 - 1e-12)
    wrong = graded_by(sure, same=False, answer=0.8, reference=1 - 1e-12)

    assert (right.score, wrong.score) == (pytest.approx(1), pytest.approx(0, abs=1e-9))
    assert right.confidence == pytest.approx(1)


def test_differing_from_a_weak_reference_says_less_than_differing_from_a_good_one() -> None:
    weak, good = [
        graded_by(TELLING, same=False, answer=0.7, reference=reference) for reference in (0.3, 0.95)
    ]

    assert weak.score > good.score
    assert weak.confidence < good.confidence
