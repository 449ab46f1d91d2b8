from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from profiles.training.outcomes import OutcomesUnusable, OutcomeTable
from profiles.tuning.fleet_case import FleetAtRest, features_of, fleet_case, pairs_of_both
from serve_app.core.catalog import Catalog
from serve_app.core.request import Constraints
from tests import builders

SMALL, LARGE = "small", "large"


def a_table(*pairs: str, prompts: int = 4) -> OutcomeTable:
    return OutcomeTable(
        prompts=tuple(f"What is {row} and {row}?" for row in range(prompts)),
        kinds=("any",) * prompts,
        pairs=pairs,
        scores=np.ones((prompts, len(pairs))),
        answer_chars=np.full((prompts, len(pairs)), np.nan),
    )


def a_fleet(*pairs: str, constraints: Constraints | None = None) -> FleetAtRest:
    return FleetAtRest(
        pairs=tuple(builders.a_pair(pair) for pair in pairs),
        catalog=Catalog.of("test", [builders.a_profile(pair) for pair in pairs]),
        policy=builders.a_policy(reference_pair=LARGE),
        constraints=constraints or Constraints(),
    )


def test_pairs_without_outcomes_and_outcomes_without_pairs_are_left_out_and_said() -> None:
    table = a_table(SMALL, LARGE, "retired")
    table, fleet, notes = pairs_of_both(table, a_fleet(LARGE, SMALL, "new"))
    assert table.pairs == (LARGE, SMALL)
    assert [pair.id for pair in fleet.pairs] == [LARGE, SMALL]
    assert notes == (
        "retired have outcomes and are no pairs of the fleet: left out",
        "new are pairs of the fleet without outcomes: left out",
    )


def test_a_pair_without_a_profile_is_left_out_and_said() -> None:
    fleet = a_fleet(LARGE, SMALL, "new")
    known = [builders.a_profile(LARGE), builders.a_profile(SMALL)]
    unmeasured = replace(fleet, catalog=Catalog.of("test", known))
    _, _, notes = pairs_of_both(a_table(SMALL, LARGE, "new"), unmeasured)
    assert notes == ("new have no profile in the fleet's store: left out",)


@pytest.mark.parametrize(
    ("outcomes_of", "said"),
    [
        pytest.param((SMALL, "new"), "the reference pair 'large' is missing", id="no reference"),
        pytest.param((LARGE,), "a second pair is missing", id="one pair alone"),
        pytest.param(("foreign", "other"), "pairs are large, small, new", id="no pair of ours"),
    ],
)
def test_without_reference_and_a_second_pair_nothing_can_be_tuned(
    outcomes_of: tuple[str, ...], said: str
) -> None:
    with pytest.raises(OutcomesUnusable, match=said):
        pairs_of_both(a_table(*outcomes_of), a_fleet(LARGE, SMALL, "new"))


def test_answers_cost_the_tokens_counted_and_else_those_expected() -> None:
    table = a_table(SMALL, LARGE)
    chars = table.answer_chars.copy()
    chars[0, 0], chars[1, 0] = 4 * 10.0, 4 * 1_000.0
    table = replace(table, answer_chars=chars)
    case = fleet_case(
        table,
        a_fleet(SMALL, LARGE),
        features_of(table, [builders.a_classification(output_tokens=100)] * 4),
        np.full((4, 2), 0.5),
    )
    cost, expected = case.answers.cost_usd[:, 0], case.answers.expected_usd[:, 0]
    assert cost[0] < expected[0] < cost[1]
    assert cost[2:] == pytest.approx(expected[2:])


def test_what_nobody_graded_counts_as_predicted() -> None:
    table = a_table(SMALL, LARGE)
    scores = table.scores.copy()
    scores[2] = 0.0, np.nan
    table = replace(table, scores=scores)
    case = fleet_case(
        table,
        a_fleet(SMALL, LARGE),
        features_of(table, [builders.a_classification()] * 4),
        np.full((4, 2), 0.3),
    )
    assert case.answers.scores[:, 1].tolist() == [1.0, 1.0, 0.3, 1.0]
    assert case.answers.graded[2].tolist() == [True, False]


def test_the_oracle_knows_only_what_was_graded() -> None:
    table = a_table(SMALL, LARGE)
    table = replace(table, scores=np.array([[0.0, np.nan], [np.nan, 0.0], [0.0, 1.0], [1.0, 1.0]]))
    case = fleet_case(
        table,
        a_fleet(SMALL, LARGE),
        features_of(table, [builders.a_classification()] * 4),
        np.full((4, 2), 0.9),
    )
    assert case.answers.oracle.tolist() == [0, 1, 1, 0]


def test_prompts_that_no_pair_may_serve_are_left_out_and_said() -> None:
    table = a_table(SMALL, LARGE)
    features = features_of(table, [builders.a_classification()] * 4)
    features[1] = replace(features[1], prompt_tokens=1_000_000)
    case = fleet_case(table, a_fleet(SMALL, LARGE), features, np.full((4, 2), 0.5))
    assert case.rows.tolist() == [0, 2, 3]
    assert len(case.table) == len(case.answers) == 3
    assert case.notes == ("1 prompts that no pair may serve left out",)
