"""The same requests are decided as they were when `record_decisions` was run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, get_args

import pytest

from serve_app.core.decision import Constraint, Refusal, Rule
from serve_app.core.request import Capability, OnInfeasible, Preset, PromptForm, Task
from tests.core.record_decisions import DECISIONS, record
from tests.core.recording import (
    RECORDING,
    Plain,
    Replay,
    differences,
    read_recording,
    write_recording,
)

SHARED, RECORDED = read_recording(RECORDING)
SHOWN = 5


def test_recorded_decisions_are_made_again() -> None:
    replay = Replay(SHARED)

    found = {
        line["number"]: list(differences(line["decision"], replay.decision(line["asked"])))
        for line in RECORDED
    }

    assert list(found) == list(range(1, DECISIONS + 1))
    differing = {number: places for number, places in found.items() if places}
    if differing:
        pytest.fail(_told(differing), pytrace=False)


def _told(differing: dict[int, list[str]]) -> str:
    """Which decisions differ, and how the first few do."""
    details = [
        f"decision {number}: {place}"
        for number, places in islice(differing.items(), SHOWN)
        for place in places[:SHOWN]
    ]
    return "\n".join([f"{len(differing)} decisions differ: {list(differing)}", *details])


def test_every_rule_is_recorded_as_the_only_one_that_a_pair_fails() -> None:
    alone = set()
    for line in RECORDED:
        failed = defaultdict(list)
        for rejection in line["decision"]["rejected"]:
            failed[rejection["pair"]].append(rejection["rule"])
        alone |= {rules[0] for rules in failed.values() if len(rules) == 1}

    # The recorded policies switch nothing off.
    assert alone == set(get_args(Rule)) - {"switched_off"}


def test_every_kind_of_outcome_is_recorded() -> None:
    kinds = {_outcome(line["decision"]) for line in RECORDED}

    assert kinds == {"best", "only", "unknown", "best effort", *get_args(Refusal)}


def _outcome(decision: Plain) -> str:
    ranked = decision["ranked"]
    if decision["refusal"] is not None:
        assert decision["chosen"] is None
        assert decision["to_try"] == []
        return str(decision["refusal"])
    assert decision["chosen"] == decision["to_try"][0]
    if not ranked:
        assert decision["infeasible"]
        return "best effort"
    if ranked[0]["prediction"] is None:
        return "unknown"
    return "only" if len(ranked) == 1 else "best"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (lambda asked: asked["features"]["classification"]["task"], get_args(Task)),
        (lambda asked: asked["features"]["form"], get_args(PromptForm)),
        (lambda asked: asked["constraints"]["preset"], get_args(Preset)),
        (lambda asked: asked["constraints"]["on_infeasible"], get_args(OnInfeasible)),
        (lambda asked: asked["constraints"]["deadline_quantile"], (0.5, 0.9, 0.95, 0.99)),
        (lambda asked: asked["features"]["stream"], (True, False)),
        (lambda asked: asked["time_left_ms"] is None, (True, False)),
        (lambda asked: asked["fleet"], SHARED["pairs"]),
        (lambda asked: asked["policy"], SHARED["policies"]),
        (lambda asked: bool(asked["features"]["classification"]["success"]), (True, False)),
        (lambda asked: min(len(asked["pairs"]), 2), (0, 1, 2)),
    ],
    ids=(
        *("task", "form", "preset", "on_infeasible", "quantile", "stream", "deadline"),
        *("fleet", "policy", "success", "pairs"),
    ),
)
def test_every_value_is_asked(values: Callable[[Plain], Any], expected: Any) -> None:
    assert {values(line["asked"]) for line in RECORDED} == set(expected)


def test_every_need_bound_and_load_is_asked() -> None:
    asked = [line["asked"] for line in RECORDED]
    needs = {need for one in asked for need in one["features"]["needs"]}
    bounds = {field for one in asked for field in one["constraints"]}
    loads = {field for one in asked for state in one["load"].values() for field in state}

    assert needs == set(get_args(Capability))
    assert {"latency_budget_ms", "ttft_budget_ms", "min_accuracy", "max_cost_usd"} <= bounds
    assert {"in_flight", "starting_replicas", "max_replicas", "breaker_open"} <= loads
    assert any(len(one["load"]) < len(one["pairs"]) for one in asked)


def test_every_miss_and_every_kind_of_prediction_is_recorded() -> None:
    misses = {miss for line in RECORDED for miss in line["decision"]["infeasible"]}
    predictions = [one["prediction"] for one in _candidates() if one["prediction"] is not None]

    assert misses == set(get_args(Constraint))
    assert {one["origin"] for one in predictions} == {"measured", "published"}
    assert {one["feedback"] is None for one in predictions} == {True, False}
    assert {one["wait_ms"] > 0 for one in predictions} == {True, False}


@pytest.mark.parametrize("term", ["accuracy", "latency", "cost"])
def test_every_term_is_recorded_in_full_and_in_many_shares(term: str) -> None:
    values = {one["terms"][term] for one in _candidates() if one["terms"] is not None}

    assert len(values) > 20
    assert 1.0 in values


def _candidates() -> Iterator[Plain]:
    for line in RECORDED:
        yield from line["decision"]["ranked"]
        yield from line["decision"]["best_effort"]


def test_equal_utilities_are_parted_by_cost_by_time_and_by_name() -> None:
    parted = set()
    for line in RECORDED:
        known = [one for one in line["decision"]["ranked"] if one["prediction"] is not None]
        for one, other in pairwise(known):
            mine, others = one["prediction"], other["prediction"]
            if one["utility"] != other["utility"]:
                continue
            by = [name for name in ("cost_usd", "total_ms") if mine[name] != others[name]]
            parted.add(next(iter(by), "pair"))

    assert parted == {"cost_usd", "total_ms", "pair"}


def test_a_recording_made_now_has_the_form_of_the_one_that_is_kept(tmp_path: Path) -> None:
    lines = list(islice(record(), 3))
    for name in ("one", "other"):
        write_recording(tmp_path / name, lines)
    shared, decisions = read_recording(tmp_path / "one")

    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    assert [shared, *decisions] == lines
    assert shared.keys() == SHARED.keys()
    assert decisions[0].keys() == RECORDED[0].keys()
    assert decisions[0]["decision"].keys() == RECORDED[0]["decision"].keys()


def test_a_difference_says_where_it_stands() -> None:
    before: Plain = {"chosen": "a", "ranked": [{"pair": "a", "utility": 0.1}], "infeasible": []}
    now: Plain = {"chosen": "a", "ranked": [{"pair": "a", "utility": 0.2}], "infeasible": ["cost"]}

    assert list(differences(before, now)) == [
        "ranked[0].utility: recorded 0.1, now 0.2",
        "infeasible: recorded [], now ['cost']",
    ]
