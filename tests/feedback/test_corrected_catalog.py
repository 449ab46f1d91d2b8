"""Feedback moves what a profile says, and fades."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.intervals import wilson
from serve_app.core.profile import Profile, TaskAccuracy
from serve_app.feedback.corrected_catalog import (
    AccuracyEstimate,
    PairTask,
    SourceTotals,
    estimates,
    posterior,
)
from serve_app.settings import FeedbackSettings
from tests.builders import a_catalog, a_profile, an_accuracy

HALF_LIFE_S = 100.0
SETTINGS = FeedbackSettings(half_life_s=HALF_LIFE_S, max_weight=1_000)
NO_SCORES = SourceTotals()
NARROW = FeedbackSettings(half_life_s=HALF_LIFE_S, max_weight=10)
CODE = PairTask(pair="pair-a", task="code", measured="2026-01-01")

scores = st.floats(0, 1)
weights = st.floats(0.01, 1)
pieces = st.lists(st.tuples(scores, weights), max_size=30)


@st.composite
def priors(draw: st.DrawFn) -> TaskAccuracy:
    """As measured: the bound is the interval's."""
    items, mean = draw(st.integers(1, 2_000)), draw(scores)
    return TaskAccuracy(mean=mean, lower=wilson(mean, items)[0], items=items)


def totals(
    scores: Iterable[tuple[float, float]], *, settings: FeedbackSettings = SETTINGS
) -> SourceTotals:
    """Of scores and their weights, all of one source and at once."""
    added = SourceTotals()
    for score, weight in scores:
        one = SourceTotals(weight=weight, score=weight * score, count=1, at_s=0.0)
        added = added.plus(one, settings)
    return added


def estimated(
    callers: SourceTotals = NO_SCORES,
    *,
    shadows: SourceTotals = NO_SCORES,
    prior: TaskAccuracy | None = None,
    now_s: float = 0.0,
    settings: FeedbackSettings = SETTINGS,
    key: PairTask = CODE,
    profile: Profile | None = None,
) -> Sequence[AccuracyEstimate]:
    if profile is None:
        profile = a_profile(accuracy={"code": prior or an_accuracy(0.8, items=100)})
    scores = {(key, "caller"): callers, (key, "shadow"): shadows}
    return estimates(a_catalog(profile), scores, now_s=now_s, settings=settings)


def one(callers: SourceTotals, prior: TaskAccuracy) -> AccuracyEstimate:
    (estimate,) = estimated(callers, prior=prior)
    return estimate


@given(prior=priors(), pieces=pieces, weight=weights)
def test_one_more_good_score_never_lowers_mean_or_bound(
    prior: TaskAccuracy, pieces: list[tuple[float, float]], weight: float
) -> None:
    pieces = [(0.5, 0.5), *pieces]
    before = one(totals(pieces), prior)
    after = one(totals([*pieces, (1.0, weight)]), prior)

    assert after.mean >= before.mean - 1e-12
    assert after.lower >= before.lower - 1e-12


@given(prior=priors(), pieces=pieces, weight=weights)
def test_one_more_bad_score_never_raises_mean_or_bound(
    prior: TaskAccuracy, pieces: list[tuple[float, float]], weight: float
) -> None:
    pieces = [(0.5, 0.5), *pieces]
    before = one(totals(pieces), prior)
    after = one(totals([*pieces, (0.0, weight)]), prior)

    assert after.mean <= before.mean + 1e-12
    assert after.lower <= before.lower + 1e-12


@given(prior=priors(), pieces=pieces)
def test_bounds_are_ordered_and_inside_zero_and_one(
    prior: TaskAccuracy, pieces: list[tuple[float, float]]
) -> None:
    estimate = one(totals([(0.3, 1.0), *pieces]), prior)

    assert 0.0 <= estimate.lower <= estimate.mean <= 1.0


@given(prior=priors(), pieces=pieces)
def test_an_old_score_pulls_less_and_less_until_the_profile_stands_as_measured(
    prior: TaskAccuracy, pieces: list[tuple[float, float]]
) -> None:
    scored = totals([(0.0, 1.0), *pieces])
    profile = a_profile(accuracy={"code": prior})
    mean = scored.score / scored.weight
    away = [
        abs(prior.mean - posterior(prior, weight=scored.at(t, SETTINGS).weight, score=mean)[0])
        for t in (0.0, HALF_LIFE_S, 5 * HALF_LIFE_S, 60 * HALF_LIFE_S)
    ]

    assert away == sorted(away, reverse=True)
    assert away[-1] < 1e-9
    assert estimated(scored, profile=profile, now_s=60 * HALF_LIFE_S) == ()


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
    estimate = one(totals([(0.0, 1.0)] * 100), measured)

    assert estimate.mean == pytest.approx(0.4)
    assert estimate.lower == pytest.approx(wilson(0.4, 200)[0])
    assert estimate.correction.mean == pytest.approx(-0.4)


def test_after_one_half_life_a_score_weighs_half() -> None:
    (estimate,) = estimated(totals([(0.0, 1.0)] * 100), now_s=HALF_LIFE_S)

    assert estimate.weight == pytest.approx(50)
    assert estimate.age_s == HALF_LIFE_S


def test_all_scores_of_one_source_never_weigh_more_than_the_most() -> None:
    assert totals([(0.0, 1.0)] * 500, settings=NARROW).weight == pytest.approx(10)
    # New scores take the place of old ones, so that a change is seen.
    changed = totals([(0.0, 1.0)] * 500 + [(1.0, 1.0)] * 30, settings=NARROW)
    assert changed.score > 0.9 * changed.weight


def test_a_task_that_was_not_measured_starts_from_the_overall_accuracy() -> None:
    (estimate,) = estimated(totals([(0.0, 1.0)]), profile=a_profile(accuracy=0.6))

    assert estimate.prior.mean == 0.6


def test_what_others_measured_of_other_questions_weighs_no_more_than_feedback_may() -> None:
    many = {"code": an_accuracy(0.8, items=14_042)}
    scores = totals([(0.0, 1.0)] * 1_000)

    (published,) = estimated(scores, profile=a_profile(accuracy=many, origin="published"))
    (measured,) = estimated(scores, profile=a_profile(accuracy=many))

    assert published.mean == pytest.approx(0.4)
    assert measured.mean > 0.7
    assert published.prior.items == 14_042


def test_what_was_said_under_an_older_profile_counts_no_more() -> None:
    older = replace(CODE, measured="2025-12-31")

    assert estimated(totals([(0.0, 1.0)]), key=older) == ()


def test_a_pair_without_a_profile_has_nothing_to_move() -> None:
    assert estimated(totals([(0.0, 1.0)]), key=replace(CODE, pair="unknown")) == ()


def test_scores_of_callers_and_of_shadow_grading_are_counted_apart() -> None:
    (estimate,) = estimated(totals([(1.0, 0.5)] * 3), shadows=totals([(1.0, 1.0)]))

    assert (estimate.callers, estimate.shadows, estimate.weight) == (3, 1, 2.5)


def test_a_flood_of_callers_scores_does_not_displace_the_results_of_grading() -> None:
    graded = totals([(1.0, 1.0)] * 10, settings=NARROW)
    flood = totals([(0.0, 1.0)] * 10_000, settings=NARROW)

    (estimate,) = estimated(flood, shadows=graded, prior=an_accuracy(0.5, items=20))

    assert estimate.mean == pytest.approx(0.5)
    assert estimate.weight == pytest.approx(20)


@given(pieces=st.lists(st.tuples(scores, weights, st.floats(0, 500)), max_size=10))
def test_scores_add_up_to_the_same_in_any_order(
    pieces: list[tuple[float, float, float]],
) -> None:
    singles = [
        SourceTotals(weight=weight, score=weight * score, count=1, at_s=at_s)
        for score, weight, at_s in pieces
    ]
    forward, backward = SourceTotals(), SourceTotals()
    for single in singles:
        forward = forward.plus(single, SETTINGS)
    for single in reversed(singles):
        backward = single.plus(backward, SETTINGS)

    assert forward.at_s == backward.at_s
    assert forward.weight == pytest.approx(backward.weight)
    assert forward.score == pytest.approx(backward.score)
