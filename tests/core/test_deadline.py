"""A pair that would answer after the request's deadline serves only where every pair would."""

from __future__ import annotations

import pytest

from serve_app.core.decision import Decision
from serve_app.core.fleet import Load
from serve_app.core.request import Constraints
from tests.builders import a_pair, a_policy, a_profile, a_quantity, features, idle_load
from tests.core.decisions import BIG, SMALL, decided, names

COLD, READY = Load(ready_replicas=0), Load(ready_replicas=1)
# It starts within 449 s.
LARGE = a_profile("large", accuracy=0.99, cold_start_s=449)
QUALITY = a_policy(accuracy=1, latency=0, cost=0, reference_pair="big")


def with_cold_large(
    constraints: Constraints | None = None, *, time_left_ms: float | None = 60_000
) -> Decision:
    return decided(
        constraints,
        pairs=(a_pair("large"), a_pair("big"), a_pair("small")),
        profiles=(LARGE, BIG, SMALL),
        load={**idle_load("big", "small"), "large": COLD},
        policy=QUALITY,
        time_left_ms=time_left_ms,
    )


def test_a_pair_that_would_start_too_late_is_not_chosen_while_others_are_ready() -> None:
    assert with_cold_large(time_left_ms=None).chosen == "large"

    decision = with_cold_large()

    assert names(decision.candidates) == ["big", "small"]
    assert [(r.pair, r.rule, r.need, r.got) for r in decision.rejected] == [
        ("large", "deadline", "<= 60000 ms to the whole answer", "449250 ms")
    ]


def test_it_is_no_best_effort_either_while_another_pair_can_answer_in_time() -> None:
    decision = with_cold_large(Constraints(min_accuracy=0.98))

    assert names(decision.candidates) == ["big", "small"]
    assert decision.infeasible == ("accuracy",)


@pytest.mark.parametrize("on_infeasible", ["best_effort", "refuse"])
def test_where_every_pair_is_late_the_nearest_serves_and_the_reason_tells(
    on_infeasible: str,
) -> None:
    decision = decided(
        Constraints(on_infeasible=on_infeasible),  # type: ignore[arg-type]
        load={"big": READY, "small": Load(ready_replicas=1, in_flight=3_000)},
        time_left_ms=500,
    )

    assert decision.chosen == "big"
    assert decision.infeasible == ("deadline",)
    assert names(decision.candidates) == ["big", "small"]
    assert decision.reason == (
        "no pair can answer in time; big comes nearest: "
        "it fails deadline (needs <= 500 ms to the whole answer, has 600 ms)"
    )


def test_where_every_pair_is_late_the_constraints_still_count() -> None:
    # big is 20% late, small 10% and an eighth under the floor.
    decision = decided(
        Constraints(min_accuracy=0.914),
        profiles=(BIG, a_profile("small", accuracy=0.80, ttft_ms=450, tpot_ms=5)),
        time_left_ms=500,
    )

    assert decision.chosen == "big"
    assert [c.violates for c in decision.best_effort] == [("deadline",), ("deadline", "accuracy")]


def test_who_asks_to_be_refused_gets_a_late_pair_only_if_it_meets_the_constraints() -> None:
    load = {"big": Load(ready_replicas=1, in_flight=3_000), "small": READY}
    asked = Constraints(min_accuracy=0.9, on_infeasible="refuse")

    late = decided(asked, load=load, time_left_ms=100)
    missing = decided(asked, pairs=(a_pair("small"),), time_left_ms=100)

    assert names(late.candidates) == ["big"]
    assert (late.chosen, late.refusal) == ("big", None)
    assert (missing.chosen, missing.refusal) == (None, "infeasible")


def test_a_deadline_that_has_passed_leaves_the_nearest_pair() -> None:
    decision = decided(time_left_ms=-20)

    assert names(decision.candidates) == ["small", "big"]
    assert "needs <= 0 ms" in decision.reason


def test_a_stream_needs_its_first_token_in_time_and_a_unary_answer_all_of_it() -> None:
    whole = decided(request=features(), time_left_ms=300)
    stream = decided(request=features(stream=True), time_left_ms=300)

    assert names(whole.candidates) == ["small"]
    assert set(names(stream.candidates)) == {"big", "small"}
    assert decided(request=features(stream=True), time_left_ms=39).reason.endswith(
        "deadline (needs <= 39 ms to the first token, has 40 ms)"
    )


def test_a_pair_is_in_time_if_it_is_at_the_median() -> None:
    varies = a_profile("big", ttft_ms=a_quantity(50, 500), tpot_ms=10)

    decision = decided(pairs=(a_pair("big"),), profiles=(varies,), time_left_ms=250)

    assert (decision.chosen, decision.infeasible) == ("big", ())
    assert decision.ranked[0].prediction is not None
    assert decision.ranked[0].prediction.total_ms == 700


def test_a_starting_pair_has_half_of_its_start_before_it_at_the_median() -> None:
    starting = Load(ready_replicas=0, starting_replicas=1)

    def chosen(load: Load, time_left_ms: float) -> str | None:
        return decided(
            pairs=(a_pair("large"), a_pair("small")),
            profiles=(LARGE, SMALL),
            load={"large": load, "small": READY},
            policy=QUALITY,
            time_left_ms=time_left_ms,
        ).chosen

    assert chosen(starting, 225_000) == "large"
    assert chosen(starting, 224_000) == "small"
    assert chosen(COLD, 225_000) == "small"


def test_a_pair_behind_an_open_breaker_cannot_answer_in_time() -> None:
    decision = decided(
        load={"big": READY, "small": Load(ready_replicas=1, breaker_open=True)}, time_left_ms=500
    )

    assert names(decision.candidates) == ["big"]
    assert decision.infeasible == ("deadline",)


def test_an_unmeasured_pair_may_be_in_time() -> None:
    decision = decided(pairs=(a_pair("big"), a_pair("new")), profiles=(BIG,), time_left_ms=500)

    assert names(decision.candidates) == ["new"]


def test_a_decision_carries_what_was_left_of_the_deadline() -> None:
    assert decided().time_left_ms is None
    assert decided(time_left_ms=1_234).time_left_ms == 1_234
