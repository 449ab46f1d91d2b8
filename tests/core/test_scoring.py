from __future__ import annotations

import pytest

from serve_app.core.decision import Terms
from serve_app.core.policy import Weights
from serve_app.core.request import Constraints
from serve_app.core.scoring import Scale, reference_cost_usd, terms, utility
from tests.builders import a_catalog, a_policy, a_prediction, a_profile, features


def a_scale(
    *,
    floor: float = 0.0,
    latency_ms: float = 200.0,
    cost_usd: float = 0.04,
    latency_has_budget: bool = True,
) -> Scale:
    return Scale(
        accuracy_floor=floor,
        latency_ms=latency_ms,
        cost_usd=cost_usd,
        latency_has_budget=latency_has_budget,
    )


@pytest.mark.parametrize(
    ("accuracy", "floor", "gain"),
    [
        pytest.param(0.8, 0.0, 0.8, id="without a floor all of it is gain"),
        pytest.param(0.8, 0.6, 0.5, id="half way from floor to perfect"),
        pytest.param(0.6, 0.6, 0.0, id="at the floor nothing is gained"),
        pytest.param(0.5, 0.6, 0.0, id="under the floor nothing is lost"),
        pytest.param(1.0, 1.0, 0.0, id="over a floor of 1 nothing can be gained"),
    ],
)
def test_accuracy_counts_from_the_floor(accuracy: float, floor: float, gain: float) -> None:
    assert terms(a_prediction(accuracy=accuracy), a_scale(floor=floor)).accuracy == pytest.approx(
        gain
    )


@pytest.mark.parametrize(("total_ms", "share"), [(50, 0.25), (200, 1), (900, 1)])
def test_latency_is_the_share_of_the_budget_used(total_ms: float, share: float) -> None:
    assert terms(a_prediction(total_ms=total_ms), a_scale(latency_ms=200)).latency == share


@pytest.mark.parametrize(
    ("total_ms", "slowest_ms", "share"),
    [(50, 200, 0.25), (200, 200, 1), (900, 200, 4.5), (9, 0, 1)],
)
def test_latency_without_a_budget_goes_on_past_the_slowest_of_the_compared_pairs(
    total_ms: float, slowest_ms: float, share: float
) -> None:
    scale = a_scale(latency_ms=slowest_ms, latency_has_budget=False)

    assert terms(a_prediction(total_ms=total_ms), scale).latency == share


@pytest.mark.parametrize(
    ("cost_usd", "reference_usd", "share"),
    [(0.01, 0.04, 0.25), (0.08, 0.04, 1), (0.0, 0.0, 0.0), (0.01, 0.0, 1.0)],
    ids=["cheaper", "dearer", "both free", "dearer than a free one"],
)
def test_cost_is_a_share_of_the_reference_pair_s(
    cost_usd: float, reference_usd: float, share: float
) -> None:
    assert terms(a_prediction(cost_usd=cost_usd), a_scale(cost_usd=reference_usd)).cost == share


def test_the_budget_and_the_reference_set_the_scale() -> None:
    scale = Scale.of(
        Constraints(latency_budget_ms=400, min_accuracy=0.7), [a_prediction(total_ms=900)], 0.5
    )

    assert scale == a_scale(floor=0.7, latency_ms=400, cost_usd=0.5)


def test_without_budget_and_reference_the_worst_candidate_sets_the_scale() -> None:
    slow_and_cheap = a_prediction(total_ms=900, cost_usd=0.01)
    fast_and_dear = a_prediction(total_ms=100, cost_usd=0.09)

    assert Scale.of(Constraints(), [slow_and_cheap, fast_and_dear], None) == a_scale(
        latency_ms=900, cost_usd=0.09, latency_has_budget=False
    )


def test_utility_is_what_is_gained_less_what_is_spent() -> None:
    weights = Weights(accuracy=0.5, latency=0.25, cost=0.25)

    assert utility(weights, Terms(accuracy=1, latency=0.5, cost=1)) == 0.125


def test_the_reference_cost_is_that_of_the_reference_pair_for_this_request() -> None:
    catalog = a_catalog(a_profile("small"), a_profile("large", usd_per_hour=8))
    policy = a_policy(reference_pair="large")

    short = reference_cost_usd(policy, catalog, features(prompt_tokens=10, max_tokens=10))
    long = reference_cost_usd(policy, catalog, features(prompt_tokens=100, max_tokens=100))

    assert short is not None
    assert long is not None
    assert long > short


def test_a_reference_pair_nobody_measured_has_no_cost() -> None:
    assert reference_cost_usd(a_policy(reference_pair="gone"), a_catalog(), features()) is None
