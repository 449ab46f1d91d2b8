"""Feedback moves what a profile says, and fades."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.beliefs import Belief, Fading, Source, Subject, Tally, beliefs, posterior
from serve_app.core.intervals import wilson
from serve_app.core.profile import Profile, TaskAccuracy
from tests.builders import a_catalog, a_profile, an_accuracy

HALF_LIFE_S = 100.0
FADING = Fading(half_life_s=HALF_LIFE_S, most_weight=1_000)
CODE = Subject(pair="pair-a", task="code", measured="2026-01-01")

scores = st.floats(0, 1)
weights = st.floats(0.01, 1)
pieces = st.lists(st.tuples(scores, weights), max_size=30)


@st.composite
def priors(draw: st.DrawFn) -> TaskAccuracy:
    """As measured: the bound is the interval's."""
    items, mean = draw(st.integers(1, 2_000)), draw(scores)
    return TaskAccuracy(mean=mean, lower=wilson(mean, items)[0], items=items)


def a_tally(
    given: Iterable[tuple[float, float]],
    *,
    now_s: float = 0.0,
    fading: Fading = FADING,
    source: Source = "caller",
) -> Tally:
    tally = Tally()
    for score, weight in given:
        tally = tally.plus(Tally.of(score, weight=weight, source=source, now_s=now_s), fading)
    return tally


def believed(
    tally: Tally,
    *,
    prior: TaskAccuracy | None = None,
    now_s: float = 0.0,
    fading: Fading = FADING,
    subject: Subject = CODE,
    profile: Profile | None = None,
) -> Sequence[Belief]:
    if profile is None:
        profile = a_profile(accuracy={"code": prior or an_accuracy(0.8, items=100)})
    return list(beliefs(a_catalog(profile), {subject: tally}, now_s=now_s, fading=fading))


def one(tally: Tally, prior: TaskAccuracy) -> Belief:
    (belief,) = believed(tally, prior=prior)
    return belief


@given(prior=priors(), pieces=pieces, weight=weights)
def test_one_more_good_score_never_lowers_mean_or_bound(
    prior: TaskAccuracy, pieces: list[tuple[float, float]], weight: float
) -> None:
    pieces = [(0.5, 0.5), *pieces]
    before = one(a_tally(pieces), prior)
    after = one(a_tally([*pieces, (1.0, weight)]), prior)

    assert after.mean >= before.mean - 1e-12
    assert after.lower >= before.lower - 1e-12


@given(prior=priors(), pieces=pieces, weight=weights)
def test_one_more_bad_score_never_raises_mean_or_bound(
    prior: TaskAccuracy, pieces: list[tuple[float, float]], weight: float
) -> None:
    pieces = [(0.5, 0.5), *pieces]
    before = one(a_tally(pieces), prior)
    after = one(a_tally([*pieces, (0.0, weight)]), prior)

    assert after.mean <= before.mean + 1e-12
    assert after.lower <= before.lower + 1e-12


@given(prior=priors(), pieces=pieces)
def test_bounds_are_ordered_and_inside_zero_and_one(
    prior: TaskAccuracy, pieces: list[tuple[float, float]]
) -> None:
    belief = one(a_tally([(0.3, 1.0), *pieces]), prior)

    assert 0.0 <= belief.lower <= belief.mean <= 1.0


@given(prior=priors(), pieces=pieces)
def test_an_old_score_pulls_less_and_less_until_the_profile_stands_as_measured(
    prior: TaskAccuracy, pieces: list[tuple[float, float]]
) -> None:
    tally = a_tally([(0.0, 1.0), *pieces])
    profile = a_profile(accuracy={"code": prior})
    away = [
        abs(prior.mean - posterior(prior, weight=tally.weight_at(t, FADING), score=tally.mean)[0])
        for t in (0.0, HALF_LIFE_S, 5 * HALF_LIFE_S, 60 * HALF_LIFE_S)
    ]

    assert away == sorted(away, reverse=True)
    assert away[-1] < 1e-9
    assert believed(tally, profile=profile, now_s=60 * HALF_LIFE_S) == []


@given(prior=priors())
def test_without_weight_the_profile_stands(prior: TaskAccuracy) -> None:
    mean, lower = posterior(prior, weight=0.0, score=0.0)

    assert mean == pytest.approx(prior.mean)
    assert lower == pytest.approx(prior.lower)


def test_a_bound_that_is_not_wilsons_is_moved_and_not_replaced() -> None:
    cautious = an_accuracy(0.8, lower=0.3, items=100)

    assert posterior(cautious, weight=1e-9, score=0.0)[1] == pytest.approx(0.3)
    assert posterior(cautious, weight=50.0, score=1.0)[1] > 0.3
    assert posterior(cautious, weight=50.0, score=0.0)[1] < 0.3


def test_scores_that_weigh_as_much_as_the_items_meet_them_half_way() -> None:
    measured = an_accuracy(0.8, lower=wilson(0.8, 100)[0], items=100)
    belief = one(a_tally([(0.0, 1.0)] * 100), measured)

    assert belief.mean == pytest.approx(0.4)
    assert belief.lower == pytest.approx(wilson(0.4, 200)[0])
    assert belief.correction.mean == pytest.approx(-0.4)


def test_after_one_half_life_a_score_weighs_half() -> None:
    (belief,) = believed(a_tally([(0.0, 1.0)] * 100), now_s=HALF_LIFE_S)

    assert belief.weight == pytest.approx(50)
    assert belief.age_s == HALF_LIFE_S


def test_all_scores_of_one_source_never_weigh_more_than_the_most() -> None:
    narrow = replace(FADING, most_weight=10)
    tally = a_tally([(0.0, 1.0)] * 500, fading=narrow)

    assert tally.weight_at(0.0, narrow) == pytest.approx(10)
    # New scores take the place of old ones, so that a change is seen.
    assert a_tally([(0.0, 1.0)] * 500 + [(1.0, 1.0)] * 30, fading=narrow).mean > 0.9


def test_a_task_that_was_not_measured_starts_from_the_overall_accuracy() -> None:
    (belief,) = believed(a_tally([(0.0, 1.0)]), profile=a_profile(accuracy=0.6))

    assert belief.prior.mean == 0.6


def test_what_others_measured_of_other_questions_weighs_no_more_than_feedback_may() -> None:
    many = {"code": an_accuracy(0.8, items=14_042)}
    scores = a_tally([(0.0, 1.0)] * 1_000)

    (published,) = believed(scores, profile=a_profile(accuracy=many, origin="published"))
    (measured,) = believed(scores, profile=a_profile(accuracy=many))

    assert published.mean == pytest.approx(0.4)
    assert measured.mean > 0.7
    assert published.prior.items == 14_042


def test_what_was_said_under_an_older_profile_counts_no_more() -> None:
    older = replace(CODE, measured="2025-12-31")

    assert believed(a_tally([(0.0, 1.0)]), subject=older) == []


def test_a_pair_without_a_profile_has_nothing_to_move() -> None:
    assert believed(a_tally([(0.0, 1.0)]), subject=replace(CODE, pair="unknown")) == []


def test_scores_of_callers_and_of_shadow_grading_are_told_apart() -> None:
    tally = a_tally([(1.0, 0.5)] * 3).plus(a_tally([(1.0, 1.0)], source="shadow"), FADING)
    (belief,) = believed(tally)

    assert (belief.callers, belief.shadows, belief.weight) == (3, 1, 2.5)


def test_a_flood_of_callers_scores_does_not_wash_away_what_grading_found() -> None:
    narrow = replace(FADING, most_weight=10)
    graded = a_tally([(1.0, 1.0)] * 10, fading=narrow, source="shadow")

    tally = graded.plus(a_tally([(0.0, 1.0)] * 10_000, fading=narrow), narrow)

    assert tally.mean == pytest.approx(0.5)
    assert tally.weight_at(0.0, narrow) == pytest.approx(20)


@given(pieces=st.lists(st.tuples(scores, weights, st.floats(0, 500)), max_size=10))
def test_scores_add_up_to_the_same_in_whatever_order_they_are_joined(
    pieces: list[tuple[float, float, float]],
) -> None:
    singles = [
        Tally.of(score, weight=weight, source="caller", now_s=at_s)
        for score, weight, at_s in pieces
    ]
    forward, backward = Tally(), Tally()
    for single in singles:
        forward = forward.plus(single, FADING)
    for single in reversed(singles):
        backward = single.plus(backward, FADING)

    assert forward.at_s == backward.at_s
    assert forward.callers.weight == pytest.approx(backward.callers.weight)
    assert forward.callers.score == pytest.approx(backward.callers.score)
