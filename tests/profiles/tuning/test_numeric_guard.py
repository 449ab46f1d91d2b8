from __future__ import annotations

from dataclasses import replace

import numpy as np

from profiles.tuning.fleet_case import FleetAtRest, features_of, fleet_case
from profiles.tuning.numeric_guard import GuardCurve, guard_curve
from serve_app.core.catalog import Catalog
from serve_app.core.policy import Weights
from serve_app.core.profile import Activations
from serve_app.core.request import Constraints
from tests import builders
from tests.profiles.tuning.test_fleet_case import LARGE, SMALL, a_table

PROMPTS = 40
ON_COST = Weights(accuracy=0.0, latency=0.0, cost=1.0)


def guarded(small: Activations, large: Activations = "bf16") -> GuardCurve:
    """The small pair fails where 45 % of the tokens are figures, which is every other prompt."""
    fleet = FleetAtRest(
        pairs=(
            builders.a_pair(SMALL, activations=small),
            builders.a_pair(LARGE, activations=large),
        ),
        catalog=Catalog.of(
            "test",
            [
                builders.a_profile(SMALL, activations=small, usd_per_hour=1.0),
                builders.a_profile(LARGE, activations=large, usd_per_hour=4.0),
            ],
        ),
        policy=builders.a_policy(reference_pair=LARGE),
        constraints=Constraints(),
    )
    figures = np.arange(PROMPTS) % 2 == 0
    table = a_table(SMALL, LARGE, prompts=PROMPTS)
    table = replace(table, scores=np.column_stack((~figures, np.ones(PROMPTS))).astype(float))
    classifications = [
        builders.a_classification(numeric_share=0.45 if many else 0.0) for many in figures
    ]
    features = features_of(table, classifications)
    case = fleet_case(table, fleet, features, np.full((PROMPTS, 2), 0.5))
    return guard_curve(case, fleet, features, ON_COST, seed=0)


def test_a_guard_trades_cost_for_the_answers_that_fp8_would_spoil() -> None:
    points = {point.share: point for point in guarded("fp8").points}
    assert (points[0.3].kept_off, points[0.5].kept_off) == (PROMPTS // 2, 0)
    assert (points[0.3].result.accuracy, points[0.5].result.accuracy) == (1.0, 0.5)
    assert points[0.3].result.usd > points[0.5].result.usd


def test_the_widest_guard_is_the_one_that_loses_nothing() -> None:
    assert guarded("fp8").widest(0.01) == 0.4
    assert guarded("fp8").widest(0.6) == 1.0


def test_without_fp8_there_is_nothing_to_guard() -> None:
    curve = guarded("bf16")
    assert (curve.fp8_pairs, curve.points) == ((), ())
    assert curve.widest(0.01) is None


def test_where_every_pair_is_fp8_prompts_have_nowhere_else_to_go() -> None:
    curve = guarded("fp8", "fp8")
    assert (curve.fp8_pairs, curve.points) == ((SMALL, LARGE), ())
