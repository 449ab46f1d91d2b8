"""What is tuned is what the router does: the same pair as `decide` chooses, prompt by prompt."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from profiles.tuning.choices import Choices, outlook_without_constraints
from profiles.tuning.fleet_case import AT_REST, FleetAtRest
from profiles.tuning.priced_case import priced_prediction
from serve_app.core.catalog import Catalog
from serve_app.core.decide import decide
from serve_app.core.policy import Policy, Weights
from serve_app.core.request import Constraints, Features, Success
from tests import builders

PAIRS = ("a", "b", "c", "d")
OPEN = Constraints()
TIGHT = Constraints(min_accuracy=0.5, latency_budget_ms=3_000)
IMPOSSIBLE = Constraints(min_accuracy=0.99)
REFUSED = replace(IMPOSSIBLE, on_infeasible="refuse")


def a_fleet(constraints: Constraints) -> FleetAtRest:
    """Four pairs; the last two are equal in everything, so that their names decide."""
    profiles = [
        builders.a_profile("a", tpot_ms=30.0, usd_per_hour=9.0),
        builders.a_profile("b", tpot_ms=10.0, usd_per_hour=3.0),
        builders.a_profile("c", tpot_ms=20.0, usd_per_hour=1.0),
        builders.a_profile("d", tpot_ms=20.0, usd_per_hour=1.0),
    ]
    return FleetAtRest(
        pairs=tuple(builders.a_pair(pair) for pair in PAIRS),
        catalog=Catalog.of("test", profiles),
        policy=builders.a_policy(reference_pair="a"),
        constraints=constraints,
    )


def a_request(random: Random) -> Features:
    means = {pair: random.choice((0.2, 0.4, 0.6, 0.8)) for pair in PAIRS}
    success = {
        pair: Success(mean=mean, lower=mean * random.choice((0.7, 1.0)))
        for pair, mean in means.items()
    }
    return builders.features(
        prompt_tokens=random.randint(1, 900),
        classification=builders.a_classification(success=success),
    )


def weighing(policy: Policy, weights: Weights) -> Policy:
    return replace(policy, weights=dict.fromkeys(policy.weights, weights))


@pytest.mark.parametrize(
    "constraints",
    [
        pytest.param(OPEN, id="nothing asked"),
        pytest.param(TIGHT, id="some pairs may not"),
        pytest.param(IMPOSSIBLE, id="best effort"),
    ],
)
def test_any_weights_choose_what_the_router_would(constraints: Constraints) -> None:
    random, fleet = Random(0), a_fleet(constraints)
    requests = [a_request(random) for _ in range(40)]
    choices = Choices.of(PAIRS, [fleet.outlook(request) for request in requests])
    chosen_at_all = set()
    for _ in range(30):
        numbers = [random.choice((0.0, 0.05, 0.3, 0.7, 1.0)) for _ in range(3)]
        weights = Weights(accuracy=numbers[0], latency=numbers[1], cost=numbers[2])
        found = [PAIRS[column] for column in choices.choose(weights)]
        decided = [
            decide(
                decision_id="test",
                features=request,
                constraints=fleet.constraints,
                pairs=fleet.pairs,
                catalog=fleet.catalog,
                load=dict.fromkeys(PAIRS, AT_REST),
                policy=weighing(fleet.policy, weights),
            ).chosen
            for request in requests
        ]
        assert found == decided
        chosen_at_all |= set(found)
    assert len(chosen_at_all) > 1


def test_a_prompt_that_is_refused_is_left_to_no_weights() -> None:
    outlook = a_fleet(REFUSED).outlook(a_request(Random(0)))
    assert outlook.terms == {}
    assert outlook.predictions.keys() == set(PAIRS)


def test_without_constraints_cost_is_a_share_of_the_reference_pairs() -> None:
    predictions = {"small": priced_prediction(1.0, 0.4), "large": priced_prediction(4.0, 0.9)}
    terms = outlook_without_constraints(predictions, "large").terms
    assert (terms["small"].cost, terms["large"].cost) == (0.25, 1.0)
    assert (terms["small"].accuracy, terms["large"].accuracy) == (0.4, 0.9)
    assert terms["small"].latency == terms["large"].latency == 0.0
