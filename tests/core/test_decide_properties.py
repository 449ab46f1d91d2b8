"""What holds of every decision, whatever the fleet, the load and the request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.catalog import Catalog
from serve_app.core.constraints import RELAXABLE
from serve_app.core.decide import decide
from serve_app.core.decision import Decision
from serve_app.core.fleet import Load, Pair
from serve_app.core.policy import Policy
from serve_app.core.request import Constraints, Features
from tests.builders import a_pair, a_policy
from tests.core.decisions import names
from tests.core.strategies import constraints, loads, pairs, profiles, requests

IDS = ("a", "b", "c", "d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """All that a decision is made from."""

    features: Features
    constraints: Constraints
    pairs: tuple[Pair, ...]
    catalog: Catalog
    load: Mapping[str, Load]
    policy: Policy
    time_left_ms: float | None

    def without(self, pair: str) -> Case:
        return replace(self, pairs=tuple(one for one in self.pairs if one.id != pair))

    def decided(self) -> Decision:
        return decide(
            decision_id="d-1",
            features=self.features,
            constraints=self.constraints,
            pairs=self.pairs,
            catalog=self.catalog,
            load=self.load,
            policy=self.policy,
            time_left_ms=self.time_left_ms,
        )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    ids = draw(st.lists(st.sampled_from(IDS), unique=True))
    measured = draw(st.lists(st.sampled_from(IDS), unique=True, min_size=2))
    weights = [draw(st.floats(0, 1)) for _ in range(3)]
    return Case(
        features=draw(requests()),
        constraints=draw(constraints),
        pairs=tuple(draw(pairs(id)) for id in ids),
        catalog=Catalog.of("v1", [draw(profiles(id)) for id in measured]),
        load={id: draw(loads) for id in ids if draw(st.integers(0, 9))},
        policy=a_policy(
            accuracy=weights[0],
            latency=weights[1],
            cost=weights[2],
            reference_pair=draw(st.sampled_from(IDS)),
        ),
        time_left_ms=draw(st.none() | st.floats(-1, 100_000)),
    )


@given(cases())
def test_a_rejected_pair_is_never_ranked(case: Case) -> None:
    decision = case.decided()

    rejected = {rejection.pair for rejection in decision.rejected}
    final = {r.pair for r in decision.rejected if r.rule not in RELAXABLE}

    assert rejected.isdisjoint(c.pair for c in decision.ranked)
    assert final.isdisjoint(c.pair for c in decision.best_effort)


@given(cases())
def test_every_pair_is_ranked_or_says_why_not(case: Case) -> None:
    decision = case.decided()

    ranked = {candidate.pair for candidate in decision.ranked}
    rejected = {rejection.pair for rejection in decision.rejected}

    assert ranked | rejected == {pair.id for pair in case.pairs}


@given(cases())
def test_a_candidate_violates_exactly_the_constraints_it_was_rejected_for(case: Case) -> None:
    decision = case.decided()

    for candidate in decision.ranked + decision.best_effort:
        rules = tuple(r.rule for r in decision.rejected if r.pair == candidate.pair)
        assert candidate.violates == rules


@given(cases())
def test_a_late_pair_is_tried_only_where_no_pair_can_answer_in_time(case: Case) -> None:
    decision = case.decided()
    late = {r.pair for r in decision.rejected if r.rule == "deadline"}
    final = {r.pair for r in decision.rejected if r.rule not in RELAXABLE}

    in_time = {pair.id for pair in case.pairs} - late - final

    considered = {c.pair for c in decision.ranked + decision.best_effort}
    assert considered == (in_time or late - final)


@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_pairs_does_not_matter(case: Case, random: Random) -> None:
    shuffled = list(case.pairs)
    random.shuffle(shuffled)

    assert replace(case, pairs=tuple(shuffled)).decided() == case.decided()


@given(cases())
def test_the_same_input_gives_the_same_decision(case: Case) -> None:
    assert case.decided() == case.decided()


@given(cases())
def test_a_pair_is_chosen_unless_a_refusal_says_why_not(case: Case) -> None:
    decision = case.decided()

    assert (decision.chosen is None) == (decision.refusal is not None)
    if decision.chosen is not None:
        assert decision.chosen == decision.candidates[0].pair
        assert decision.infeasible == decision.candidates[0].violates


@given(cases())
def test_terms_are_shares_and_utility_is_never_better_for_a_later_pair(case: Case) -> None:
    decision = case.decided()
    measured = [c for c in decision.ranked if c.terms is not None]

    for candidate in decision.ranked + decision.best_effort:
        if (terms := candidate.terms) is None:
            continue
        assert all(0 <= part <= 1 for part in (terms.accuracy, terms.cost))
        assert terms.latency >= 0
        ready = case.load[candidate.pair].ready_replicas
        if case.constraints.latency_budget_ms is not None or (ready and not candidate.violates):
            assert terms.latency <= 1
    assert [c.utility for c in measured] == sorted((c.utility for c in measured), reverse=True)
    assert decision.ranked[: len(measured)] == tuple(measured)


@st.composite
def open_cases(draw: st.DrawFn) -> Case:
    """All pairs are measured and ready. No more than a floor is asked."""
    measured = [replace(draw(profiles(id)), golden=None, context_window=8192) for id in IDS]
    return Case(
        features=draw(requests()),
        constraints=Constraints(min_accuracy=draw(st.none() | st.floats(0, 1))),
        pairs=tuple(a_pair(id) for id in IDS),
        catalog=Catalog.of("v1", measured),
        load={id: Load(ready_replicas=1, in_flight=draw(st.integers(0, 20))) for id in IDS},
        policy=a_policy(latency=draw(st.floats(0, 1)), cost=draw(st.floats(0, 1))),
        time_left_ms=None,
    )


@given(cases() | open_cases())
def test_a_pair_that_is_not_ranked_never_changes_the_ranking(case: Case) -> None:
    ranked = case.decided().ranked

    for other in {pair.id for pair in case.pairs} - {candidate.pair for candidate in ranked}:
        assert case.without(other).decided().ranked == ranked


@given(cases() | open_cases(), st.integers(0, 1))
def test_a_cold_pair_never_changes_the_order_of_others_while_one_of_them_is_ready(
    case: Case, starting: int
) -> None:
    for cold in (pair.id for pair in case.pairs):
        start = Load(ready_replicas=0, starting_replicas=starting, max_replicas=2)
        with_cold = replace(case, load={**case.load, cold: start})
        before, after = with_cold.without(cold).decided(), with_cold.decided()
        measured = [c.pair for c in before.ranked if c.prediction is not None]
        if any(case.load[pair].ready_replicas for pair in measured):
            assert tuple(c for c in after.ranked if c.pair != cold) == before.ranked


@given(cases(), st.floats(100, 100_000))
def test_with_a_budget_and_a_known_reference_no_pair_changes_the_order_of_others(
    case: Case, budget_ms: float
) -> None:
    constraints = replace(case.constraints, latency_budget_ms=budget_ms)
    measured = replace(case.policy, reference_pair=next(iter(case.catalog.profiles)))
    case = replace(case, constraints=constraints, policy=measured)
    order = names(case.decided().ranked)

    for pair in order:
        assert names(case.without(pair).decided().ranked) == [one for one in order if one != pair]


@given(cases(), st.sampled_from(("accuracy", "latency", "cost")), st.floats(0, 1))
def test_raising_one_weight_never_makes_the_winner_worse_in_that_term(
    case: Case, term: Literal["accuracy", "latency", "cost"], raise_by: float
) -> None:
    weights = case.policy.weights["balanced"]
    raised = replace(weights, **{term: getattr(weights, term) + raise_by})
    policy = replace(case.policy, weights=dict.fromkeys(case.policy.weights, raised))

    before, after = case.decided().ranked, replace(case, policy=policy).decided().ranked

    assert [c.pair for c in before if c.terms is None] == [c.pair for c in after if c.terms is None]
    if before and before[0].terms is not None and after[0].terms is not None:
        gained = getattr(after[0].terms, term) - getattr(before[0].terms, term)
        # Equal utilities may differ in the last bits, which a small raise then divides by.
        slack = 1e-9 / raise_by if raise_by else 1.0
        assert (gained if term == "accuracy" else -gained) >= -slack


@given(
    cases(),
    st.sampled_from(("latency_budget_ms", "ttft_budget_ms", "min_accuracy", "max_cost_usd")),
    st.none() | st.floats(1, 10),
)
def test_loosening_a_constraint_never_takes_a_pair_out_of_the_ranking(
    case: Case, name: str, factor: float | None
) -> None:
    asked: float | None = getattr(case.constraints, name)
    if asked is None or factor is None:
        asked = None
    else:
        asked = asked / factor if name == "min_accuracy" else asked * factor
    looser = replace(case.constraints, **{name: asked})  # type: ignore[arg-type]

    before = case.decided()
    after = replace(case, constraints=looser).decided()

    assert {c.pair for c in before.ranked} <= {c.pair for c in after.ranked}


@given(cases(), st.integers(1, 50))
def test_more_load_on_every_pair_never_adds_a_pair_to_the_ranking(case: Case, more: int) -> None:
    short = replace(case.features, prompt_tokens=min(case.features.prompt_tokens, 700))
    quiet = replace(case, features=short)
    busy = replace(
        quiet,
        load={id: replace(load, in_flight=load.in_flight + more) for id, load in case.load.items()},
    )

    assert {c.pair for c in busy.decided().ranked} <= {c.pair for c in quiet.decided().ranked}


@given(cases())
def test_a_refused_request_could_not_have_been_served_as_asked(case: Case) -> None:
    decision = case.decided()

    if decision.refusal == "infeasible":
        assert case.constraints.on_infeasible == "refuse"
        assert decision.infeasible
    if decision.refusal is not None:
        assert decision.ranked == ()
        assert decision.candidates == ()
