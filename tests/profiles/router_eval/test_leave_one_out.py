from __future__ import annotations

from pathlib import Path

import pytest

from profiles.router_eval import leave_one_out
from profiles.router_eval.leave_one_out import LeftOut, NewPairPlan
from profiles.training.outcomes import OutcomesUnusable
from tests.outcomes import outcome_file


def a_plan(file: Path, *pairs: str, answers: tuple[int, ...] = (50, 200)) -> NewPairPlan:
    return NewPairPlan(files=(file,), pairs=pairs, answers=answers, folds=2, seed=0)


def run(plan: NewPairPlan) -> dict[tuple[str, str], LeftOut]:
    result = leave_one_out.run(plan, lambda line: None)
    assert all(one.way in leave_one_out.report(result) for one in result.found)
    return {(one.pair, one.way): one for one in result.found}


def test_a_pair_added_from_answers_is_measured_beside_the_same_pair_trained(
    tmp_path: Path,
) -> None:
    found = run(a_plan(outcome_file(tmp_path, 900), "middle"))
    assert {way for _, way in found} == {
        "trained",
        "50 answers",
        "50 answers, means per kind",
        "200 answers",
        "200 answers, means per kind",
    }
    trained, few, more = (found["middle", way] for way in ("trained", "50 answers", "200 answers"))
    # Nothing of a trained pair is in doubt.
    assert (trained.kept, trained.asked) == (trained.kept_undoubted, trained.asked_undoubted)
    assert few.asked < few.asked_undoubted
    assert few.asked_undoubted - few.asked > more.asked_undoubted - more.asked
    # Always saying its mean, 0.7, has a Brier score of 0.21.
    assert more.brier < 0.19


def test_each_pair_is_left_out_in_turn_and_their_mean_is_said(tmp_path: Path) -> None:
    found = run(a_plan(outcome_file(tmp_path, 600), "small", "large", answers=(60,)))
    assert {pair for pair, _ in found} == {"small", "large", "all pairs"}
    briers = [found[pair, "60 answers"].brier for pair in ("small", "large")]
    assert found["all pairs", "60 answers"].brier == pytest.approx(sum(briers) / 2)


def test_too_few_prompts_for_the_answers_of_a_new_pair_are_refused(tmp_path: Path) -> None:
    file = outcome_file(tmp_path, 500)
    with pytest.raises(OutcomesUnusable, match="250 prompts to learn from are too few to keep 200"):
        leave_one_out.run(a_plan(file), lambda line: None)


def test_an_unknown_pair_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(OutcomesUnusable, match=r"no outcomes of 'tiny'.*small, middle, large"):
        leave_one_out.run(a_plan(outcome_file(tmp_path, 500), "tiny"), lambda line: None)
