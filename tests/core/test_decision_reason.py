"""A decision in one sentence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from serve_app.core.decision import Decision
from serve_app.core.request import Constraints
from tests.builders import a_pair, a_policy, idle_load
from tests.core.decisions import BIG, ELSEWHERE, SMALL, STRICT, decided


def test_the_reason_names_everything_that_the_pair_served_instead_would_miss() -> None:
    decision = decided(replace(STRICT, ttft_budget_ms=1), pairs=(a_pair("small"),))

    assert decision.infeasible == ("accuracy", "ttft")
    assert decision.reason.endswith(
        "it fails accuracy (needs >= 0.9, has 0.8 lower bound), ttft (needs <= 1 ms, has 40 ms)"
    )


@pytest.mark.parametrize(
    ("decision", "reason"),
    [
        pytest.param(
            decided(policy=a_policy(accuracy=1, latency=0, cost=0)),
            "big has the highest utility of 2 pairs that meet the constraints, 0.950 "
            "(600 ms, 0.00038 USD); next is small, 0.800 (140 ms, 9.49e-05 USD)",
            id="against a runner-up",
        ),
        pytest.param(
            decided(Constraints(min_accuracy=0.9)),
            "big is the only pair that meets the constraints: "
            "small fails accuracy (needs >= 0.9, has 0.8 lower bound)",
            id="against a rejected pair",
        ),
        pytest.param(
            decided(pairs=(a_pair("big"),)),
            "big is the only pair that meets the constraints",
            id="against nobody",
        ),
        pytest.param(
            decided(pairs=(a_pair("big"), a_pair("a-new"))),
            "big is preferred to a-new, which has no profile",
            id="against an unmeasured pair",
        ),
        pytest.param(
            decided(pairs=(a_pair("big"), a_pair("new")), load=idle_load("new")),
            "new has no profile, but no measured pair can serve: big fails replica "
            "(needs a replica, or leave to start one, has none, and none may start)",
            id="unmeasured, for want of a measured one",
        ),
        pytest.param(decided(pairs=()), "no pair can serve this request", id="no pairs"),
    ],
)
def test_the_reason_names_the_winner_and_why(decision: Decision, reason: str) -> None:
    assert decision.reason == reason


@pytest.mark.parametrize(
    "constraints",
    [
        pytest.param(Constraints(), id="chosen among several"),
        pytest.param(Constraints(latency_budget_ms=200), id="the only one"),
        pytest.param(Constraints(latency_budget_ms=100), id="the best effort"),
    ],
)
def test_the_reason_says_when_the_chosen_pair_is_classified_on_published_figures(
    constraints: Constraints,
) -> None:
    published = decided(constraints, profiles=(BIG, ELSEWHERE))
    measured = decided(constraints, profiles=(BIG, SMALL))

    assert published.chosen == measured.chosen == "small"
    assert published.reason.endswith("; small is judged on published figures")
    assert "published" not in measured.reason


def test_published_figures_of_a_pair_that_was_not_chosen_are_no_part_of_the_reason() -> None:
    decision = decided(Constraints(min_accuracy=0.9), profiles=(BIG, ELSEWHERE))

    assert decision.chosen == "big"
    assert "published" not in decision.reason
