"""A pair that the policy switches off gets no request, and the decision states it."""

from __future__ import annotations

from dataclasses import replace

from serve_app.core.catalog import Snapshot
from serve_app.core.decide import decide
from serve_app.core.decision import Decision
from serve_app.core.request import Constraints
from tests.builders import a_catalog, a_pair, a_policy, a_profile, features, idle_load
from tests.policies import switching_off, with_policy

CHEAP, DEAR = a_profile("cheap", usd_per_hour=0.1), a_profile("dear")
FLEET = (a_pair("cheap"), a_pair("dear"))


def decided(
    *off: str, prompt_tokens: int = 100, loads: tuple[str, ...] = ("cheap", "dear")
) -> Decision:
    file = replace(a_policy(), reference_pair="dear")
    policy = file.amended(switching_off(*off), "7")
    return decide(
        decision_id="d",
        features=features(prompt_tokens=prompt_tokens),
        constraints=Constraints(),
        pairs=FLEET,
        catalog=with_policy(a_catalog(CHEAP, DEAR), switching_off(*off)),
        load=idle_load(*loads),
        policy=policy,
    )


def test_it_is_a_rejection_with_its_reason_and_no_other_rule() -> None:
    decision = decided("cheap")

    (rejection,) = decision.rejected
    assert (rejection.pair, rejection.rule) == ("cheap", "switched_off")
    assert rejection.got == "switched off by the policy of version 7"
    assert decision.chosen == "dear"
    assert [candidate.pair for candidate in decision.candidates] == ["dear"]
    assert "cheap fails switched_off" in decision.reason
    assert decision.policy_version == "7"


def test_a_reference_pair_that_is_off_still_gives_the_price() -> None:
    on, off = decided(), decided("dear")

    assert off.chosen == "cheap"
    assert off.ranked[0].terms == on.ranked[0].terms


def test_it_is_no_best_effort_either() -> None:
    decision = decided("cheap", "dear")

    assert (decision.chosen, decision.refusal) == (None, "unavailable")
    assert decision.candidates == ()


def test_a_prompt_that_no_other_pair_holds_is_too_long() -> None:
    assert decided("cheap", prompt_tokens=5_000).refusal == "context_length"


def test_others_that_may_come_back_leave_it_unavailable() -> None:
    assert decided("cheap", loads=("cheap",)).refusal == "unavailable"


def test_the_fleet_files_policy_has_no_version() -> None:
    snapshot = Snapshot.of(a_catalog(CHEAP), a_policy(), FLEET)

    assert snapshot.policy.version is None
