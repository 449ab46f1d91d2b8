from __future__ import annotations

from dataclasses import replace
from math import inf

import pytest

from serve_app.core.constraints import RULES, PairState, RuleContext, rejections, violation
from serve_app.core.cost import TokenPrice
from serve_app.core.decision import Rejection
from serve_app.core.fleet import Load, Pair
from serve_app.core.predict import predict
from serve_app.core.profile import GoldenResult, Profile
from serve_app.core.request import Constraints, Features
from tests.builders import a_classification, a_pair, a_policy, a_prediction, a_profile, features

READY = Load(ready_replicas=1)
NUMERIC = features(classification=a_classification(numeric_share=0.4))


def failed(
    pair: Pair | None = None,
    profile: Profile | None = None,
    *,
    request: Features | None = None,
    load: Load = READY,
    min_accuracy: float | None = None,
    latency_budget_ms: float | None = None,
    ttft_budget_ms: float | None = None,
    max_cost_usd: float | None = None,
    time_left_ms: float | None = None,
) -> list[Rejection]:
    """What rejects a measured pair."""
    pair, profile, request = pair or a_pair(), profile or a_profile(), request or features()
    constraints = Constraints(
        min_accuracy=min_accuracy,
        latency_budget_ms=latency_budget_ms,
        ttft_budget_ms=ttft_budget_ms,
        max_cost_usd=max_cost_usd,
    )
    prediction = predict(
        profile, TokenPrice.of(profile), request, load, constraints, published_margin=1.0
    )
    rule_context = RuleContext(
        features=request, constraints=constraints, policy=a_policy(), time_left_ms=time_left_ms
    )
    return rejections(rule_context, PairState(pair, load, profile, prediction))


def failed_unmeasured(
    asked: Constraints | None = None, *, request: Features | None = None
) -> list[Rejection]:
    rule_context = RuleContext(
        features=request or features(), constraints=asked or Constraints(), policy=a_policy()
    )
    return rejections(rule_context, PairState(a_pair(), READY, None, None))


def words(rejected: list[Rejection]) -> list[tuple[str, str, str]]:
    return [(r.rule, r.need, r.got) for r in rejected]


def test_a_pair_that_meets_everything_is_not_rejected() -> None:
    assert failed(min_accuracy=0.9, latency_budget_ms=250, ttft_budget_ms=50, max_cost_usd=1) == []


@pytest.mark.parametrize(
    ("rejected", "expected"),
    [
        pytest.param(
            failed(load=Load(ready_replicas=0, max_replicas=0)),
            ("replica", "a replica, or leave to start one", "none, and none may start"),
            id="no replica and none may start",
        ),
        pytest.param(
            failed(load=Load(ready_replicas=0, failure="DEPLOY_FAILED")),
            (
                "replica",
                "a replica, or leave to start one",
                "none, and its deployment has failed: DEPLOY_FAILED",
            ),
            id="its deployment has failed",
        ),
        pytest.param(
            failed(load=Load(ready_replicas=1, breaker_open=True)),
            ("breaker", "breaker closed", "open after failed attempts"),
            id="breaker open",
        ),
        pytest.param(
            failed(request=features(prompt_tokens=4000, max_tokens=97)),
            ("context", "<= 4096 tokens", "4000 + 97 tokens"),
            id="prompt and answer over the window",
        ),
        pytest.param(
            failed(request=features(prompt_tokens=4096)),
            ("context", "<= 4096 tokens", "4096 + 1 tokens"),
            id="no room for one token of answer",
        ),
        pytest.param(
            failed(a_pair(context_window=1024), request=features(prompt_tokens=1024)),
            ("context", "<= 1024 tokens", "1024 + 1 tokens"),
            id="the window as deployed, when shorter than measured",
        ),
        pytest.param(
            failed(
                profile=a_profile(context_window=2048, tokens_ratio=2),
                request=features(prompt_tokens=1024),
            ),
            ("context", "<= 2048 tokens", "2048 + 1 tokens"),
            id="counted in the pair's own tokens",
        ),
        pytest.param(
            failed(
                a_pair(capabilities=["logprobs"]), request=features(needs=["tools", "json_schema"])
            ),
            ("capability", "json_schema, tools", "logprobs"),
            id="a capability missing",
        ),
        pytest.param(
            failed(a_pair(capabilities=[]), request=features(needs=["tools"])),
            ("capability", "tools", "none"),
            id="no capability at all",
        ),
        pytest.param(
            failed(profile=a_profile(golden=GoldenResult(passed=False, reason="equals parent"))),
            ("golden", "golden set passed", "equals parent"),
            id="golden set failed",
        ),
        pytest.param(
            failed(profile=a_profile(golden=GoldenResult(passed=False))),
            ("golden", "golden set passed", "failed"),
            id="golden set failed without a word",
        ),
        pytest.param(
            failed(a_pair(activations="fp8"), request=NUMERIC),
            ("numeric_guard", "<= 0.3 numeric tokens for fp8", "0.4"),
            id="numbers into fp8",
        ),
        pytest.param(
            failed(profile=a_profile(ttft_ms=50.2), time_left_ms=250.1),
            ("deadline", "<= 250 ms to the whole answer", "251 ms"),
            id="whole answer after the deadline",
        ),
        pytest.param(
            failed(request=features(stream=True), time_left_ms=49.9),
            ("deadline", "<= 49 ms to the first token", "50 ms"),
            id="first token after the deadline",
        ),
        pytest.param(
            failed(profile=a_profile(accuracy=0.95, lower=0.89996), min_accuracy=0.9),
            ("accuracy", ">= 0.9", "0.899 lower bound"),
            id="lower bound under the floor",
        ),
        pytest.param(
            failed(profile=a_profile(ttft_ms=50.2), latency_budget_ms=250),
            ("latency", "<= 250 ms", "251 ms"),
            id="whole answer over budget",
        ),
        pytest.param(
            failed(profile=a_profile(ttft_ms=50), ttft_budget_ms=49.5),
            ("ttft", "<= 49.5 ms", "50 ms"),
            id="first token over budget",
        ),
        pytest.param(
            failed(
                request=features(
                    prompt_tokens=0, classification=a_classification(output_tokens=108)
                ),
                max_cost_usd=0.0002,
            ),
            ("cost", "<= 0.0002 USD", "0.00025 USD"),
            id="cost over the cap",
        ),
    ],
)
def test_a_pair_that_fails_one_rule_is_told_what_was_needed_and_what_it_has(
    rejected: list[Rejection], expected: tuple[str, str, str]
) -> None:
    assert words(rejected) == [expected]


@pytest.mark.parametrize(
    "rejected",
    [
        pytest.param(failed(load=Load(ready_replicas=0)), id="cold, and may start"),
        pytest.param(
            failed(load=Load(ready_replicas=0, starting_replicas=1)), id="its only one is starting"
        ),
        pytest.param(failed(request=features(prompt_tokens=4000, max_tokens=96)), id="just fits"),
        pytest.param(failed(request=features(prompt_tokens=4095)), id="one token fits"),
        pytest.param(failed(profile=a_profile(golden=GoldenResult(passed=True))), id="golden"),
        pytest.param(failed(a_pair(activations="int8"), request=NUMERIC), id="numbers into int8"),
        pytest.param(
            failed(
                a_pair(activations="fp8"),
                request=features(classification=a_classification(numeric_share=0.3)),
            ),
            id="as many numbers as fp8 may have",
        ),
        pytest.param(failed(latency_budget_ms=250), id="just in time"),
        pytest.param(failed(time_left_ms=250), id="just before the deadline"),
    ],
)
def test_a_pair_at_the_edge_of_a_rule_passes(rejected: list[Rejection]) -> None:
    assert rejected == []


def test_every_failed_rule_is_told_in_the_order_of_the_rules() -> None:
    rejected = failed(
        a_pair(activations="fp8", capabilities=[], context_window=10),
        a_profile(golden=GoldenResult(passed=False)),
        request=replace(NUMERIC, needs=frozenset({"tools"})),
        load=Load(ready_replicas=0, max_replicas=0, breaker_open=True),
        min_accuracy=1,
        latency_budget_ms=1,
        ttft_budget_ms=1,
        max_cost_usd=1e-9,
        time_left_ms=1,
    )

    assert [r.rule for r in rejected] == [rule.__name__ for rule in RULES if rule is not RULES[0]]


def test_waiting_for_a_cold_start_counts_against_the_budget() -> None:
    assert [r.rule for r in failed(load=Load(ready_replicas=0), latency_budget_ms=1000)] == [
        "latency"
    ]


def test_an_unmeasured_pair_cannot_promise_a_floor() -> None:
    assert words(failed_unmeasured(Constraints(min_accuracy=0.9))) == [
        ("profile", "a profile, for a floor of 0.9", "no profile")
    ]


def test_an_unmeasured_pair_may_serve_when_nothing_is_asked() -> None:
    assert failed_unmeasured() == []


def test_an_unmeasured_pair_cannot_promise_time_or_cost() -> None:
    rejected = failed_unmeasured(Constraints(latency_budget_ms=1, ttft_budget_ms=1, max_cost_usd=1))

    assert [(r.rule, r.got) for r in rejected] == [
        (rule, "unknown: no profile") for rule in ("latency", "ttft", "cost")
    ]


def test_an_unmeasured_pair_has_the_window_it_is_deployed_with() -> None:
    assert [r.rule for r in failed_unmeasured(request=features(prompt_tokens=4096))] == ["context"]


PREDICTION = a_prediction(ttft_ms=100, total_ms=400, cost_usd=0.02, accuracy=0.8, lower=0.6)


@pytest.mark.parametrize(
    ("constraints", "missed"),
    [
        (Constraints(), 0),
        (Constraints(latency_budget_ms=500, ttft_budget_ms=100, min_accuracy=0.5), 0),
        (Constraints(latency_budget_ms=200), 1),
        (Constraints(ttft_budget_ms=80), 0.25),
        (Constraints(max_cost_usd=0.01), 1),
        (Constraints(min_accuracy=0.8), 0.25),
        (Constraints(min_accuracy=0), 0),
        (Constraints(latency_budget_ms=200, min_accuracy=0.8, max_cost_usd=1), 1.25),
    ],
)
def test_misses_add_up_as_shares_of_what_was_asked(constraints: Constraints, missed: float) -> None:
    assert violation(constraints, PREDICTION) == pytest.approx(missed)


def test_a_missed_deadline_adds_to_the_misses() -> None:
    asked = Constraints(min_accuracy=0.8)

    assert violation(asked, PREDICTION, time_left_ms=400) == pytest.approx(0.25)
    assert violation(asked, PREDICTION, time_left_ms=200) == pytest.approx(1.25)
    assert violation(asked, PREDICTION, time_left_ms=-5) == pytest.approx(399.25)


def test_an_unmeasured_pair_may_miss_by_anything() -> None:
    assert violation(Constraints(latency_budget_ms=1), None) == inf
