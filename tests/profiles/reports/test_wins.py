"""Which pair wins where, over floors, budgets and loads."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from profiles.reports.typical import CHEAPEST, loads_of, typical_request
from profiles.reports.wins import MOST_BUDGETS, MOST_FLOORS, WinMap, win_maps
from serve_app.core.policy import Policy
from serve_app.core.profile import GoldenResult, Profile
from serve_app.core.request import Constraints
from tests.builders import a_catalog, a_policy, a_profile
from tests.profiles.reports.samples import a_full_catalog, a_full_profile, a_large_catalog

CHEAP = a_profile("cheap", accuracy=0.6, tpot_ms=20, usd_per_hour=1)
DEAR = a_profile("dear", accuracy=0.9, tpot_ms=10, usd_per_hour=9)


def maps_of(
    *profiles: Profile, policy: Policy = CHEAPEST, defaults: Constraints | None = None
) -> tuple[WinMap, ...]:
    catalog = a_catalog(*profiles)
    return win_maps(catalog, typical_request(catalog, defaults or Constraints(), policy))


def winner(won: WinMap, *, floor: float, budget_ms: float) -> str | None:
    row = max(i for i, value in enumerate(won.floors) if value <= floor)
    column = max(i for i, value in enumerate(won.budgets_ms) if value <= budget_ms)
    return won.chosen[row][column]


def test_the_cheapest_pair_wins_where_floor_and_budget_are_loose() -> None:
    won = maps_of(CHEAP, DEAR)[0]

    assert winner(won, floor=0.6, budget_ms=won.budgets_ms[-1]) == "cheap"


def test_a_floor_above_the_cheap_pair_s_bound_leaves_the_dear_one() -> None:
    won = maps_of(CHEAP, DEAR)[0]

    assert winner(won, floor=0.8, budget_ms=won.budgets_ms[-1]) == "dear"


def test_a_budget_below_the_cheap_pair_s_answer_leaves_the_dear_one() -> None:
    won = maps_of(CHEAP, DEAR)[0]

    assert winner(won, floor=0.6, budget_ms=900) == "dear"


def test_nobody_wins_above_every_bound_or_below_every_answer() -> None:
    won = maps_of(CHEAP, DEAR)[0]

    assert set(won.chosen[-1]) == {None}
    assert {row[0] for row in won.chosen} == {None}


def test_the_fleet_s_weights_decide_between_pairs_that_meet_both() -> None:
    by_latency = a_policy(accuracy=0, latency=1, cost=0, reference_pair="cheap")
    won = maps_of(CHEAP, DEAR, policy=by_latency)[0]

    assert winner(won, floor=0.6, budget_ms=won.budgets_ms[-1]) == "dear"


def test_the_fleet_s_other_bounds_hold_in_every_cell() -> None:
    won = maps_of(CHEAP, DEAR, defaults=Constraints(ttft_budget_ms=1))[0]

    assert set(won.won) == {None}


def test_a_pair_that_failed_the_golden_gate_wins_nowhere() -> None:
    refused = replace(DEAR, golden=GoldenResult(passed=False, reason="gibberish"))

    assert all("dear" not in won.won for won in maps_of(CHEAP, refused))


def test_load_takes_budgets_away_and_never_gives_them() -> None:
    catalog = a_full_catalog()
    maps = win_maps(catalog, typical_request(catalog, Constraints(), CHEAPEST))

    unserved = [won.won[None] for won in maps]
    assert len(maps) == 3
    assert unserved == sorted(unserved)
    assert unserved[0] < unserved[-1]


def test_the_loads_are_the_least_a_middle_and_the_highest_measured() -> None:
    assert loads_of(a_full_catalog()) == (1, 8, 16)
    assert loads_of(a_large_catalog()) == (1, 16, 128)


def test_every_cell_of_a_map_is_counted() -> None:
    won = maps_of(CHEAP, DEAR)[0]

    assert sum(won.won.values()) == won.cells == len(won.floors) * len(won.budgets_ms)


@given(
    lowers=st.lists(st.floats(0, 1), min_size=1, max_size=3),
    tpots=st.lists(st.floats(0.01, 5_000), min_size=3, max_size=3),
)
@example(lowers=[0.0, 0.7], tpots=[10.0, 10.0, 10.0])
def test_axes_ascend_stay_few_and_span_all_pairs(lowers: list[float], tpots: list[float]) -> None:
    profiles = [
        a_profile(f"pair-{index}", accuracy=1.0, lower=lower, tpot_ms=tpot)
        for index, (lower, tpot) in enumerate(zip(lowers, tpots, strict=False))
    ]
    won = maps_of(*profiles)[-1]

    assert len(won.floors) <= MOST_FLOORS + 1
    assert len(won.budgets_ms) <= MOST_BUDGETS + 2
    for axis in (won.floors, won.budgets_ms):
        assert all(low < high for low, high in pairwise(axis))
    assert won.floors[0] <= min(lowers)
    assert won.floors[-1] > max(lowers) or won.floors[-1] == 1.0
    assert won.chosen[0][-1] is not None


def test_pairs_of_very_different_speed_share_readable_budgets() -> None:
    fast = a_full_profile("fast", speed=1_000)
    won = maps_of(fast, a_full_profile("slow", speed=0.1))[0]

    assert won.budgets_ms[-1] / won.budgets_ms[0] > 1_000
    assert len(won.budgets_ms) <= MOST_BUDGETS


@pytest.mark.parametrize("pairs", [1, 2])
def test_equal_pairs_are_no_trouble(pairs: int) -> None:
    equal = [replace(CHEAP, pair=f"pair-{index}") for index in range(pairs)]

    assert winner(maps_of(*equal)[0], floor=0.6, budget_ms=1e9) == "pair-0"
