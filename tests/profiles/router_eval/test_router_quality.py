from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from profiles.router_eval import router_quality
from profiles.router_eval.router_quality import QualityPlan
from profiles.training.outcomes import OutcomesUnusable
from tests.outcomes import outcome_file, outcomes

KEYS = {"apgr", "cpt50", "cpt80", "ece", "floor_compliance"}


def a_plan(folder: Path, *train: Path, test: tuple[Path, ...] = (), **changed: str) -> QualityPlan:
    prices = folder / "prices.json"
    prices.write_text(json.dumps({"small": 0.1, "middle": 0.3, "large": 1.0}))
    return QualityPlan(
        train=train,
        test=test,
        folds=2,
        weak=changed.get("weak"),
        strong=changed.get("strong"),
        floors=(0.5, 0.8),
        prices=prices,
        embedder=None,
        seed=0,
    )


def test_every_router_is_measured_on_the_same_unseen_prompts(tmp_path: Path) -> None:
    said: list[str] = []
    result = router_quality.run(a_plan(tmp_path, outcome_file(tmp_path, 500)), said.append)
    document = router_quality.as_document(result)
    for figures in (document, *document["baselines"].values()):
        assert not KEYS - figures.keys()
    assert (document["weak"], document["strong"], document["prompts"]) == ("small", "large", 500)
    # Mathematics, half of the prompts, is all that the large pair is needed for.
    assert document["apgr"] > 0.65
    assert document["baselines"]["random"]["apgr"] == pytest.approx(0.5, abs=0.1)
    assert document["baselines"]["always the best"]["apgr"] == pytest.approx(0.5)
    assert document["ece"] < 0.08
    assert json.dumps(document)
    assert any("pip install" in line for line in said)


def test_unseen_prompts_may_come_from_a_file_of_their_own(tmp_path: Path) -> None:
    known = outcome_file(tmp_path, 400, name="a.csv")
    unseen = outcome_file(tmp_path, 200, seed=8, name="b.csv")
    with_known = tmp_path / "c.csv"
    with_known.write_text(unseen.read_text() + known.read_text().split("\n", 1)[1])
    result = router_quality.run(a_plan(tmp_path, known, test=(with_known,)), lambda line: None)
    assert result.prompts == 200
    assert result.notes == ("400 prompts left out of the test: they are trained on",)


def test_the_report_names_the_cheapest_router_that_complies(tmp_path: Path) -> None:
    result = router_quality.run(a_plan(tmp_path, outcome_file(tmp_path, 400)), lambda line: None)
    last = router_quality.report(result).splitlines()[-1]
    assert last.startswith("cheapest router that keeps 95% of the floors: ")
    router_quality.draw(result, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_unknown_pairs_are_refused_with_those_there_are(tmp_path: Path) -> None:
    plan = a_plan(tmp_path, outcome_file(tmp_path, 300), weak="tiny")
    with pytest.raises(OutcomesUnusable, match=r"no outcomes of 'tiny'.*small, middle, large"):
        router_quality.run(plan, lambda line: None)


def test_a_strong_model_that_is_no_better_is_refused_before_anything_is_learned(
    tmp_path: Path,
) -> None:
    said: list[str] = []
    plan = a_plan(tmp_path, outcome_file(tmp_path, 300), weak="large", strong="small")
    with pytest.raises(OutcomesUnusable, match=r"there is no gap to recover; name others"):
        router_quality.run(plan, said.append)
    assert said == []


def test_one_pair_alone_is_nothing_to_choose_between(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("prompt,small\n" + "".join(f"what is {at}?,1\n" for at in range(300)))
    with pytest.raises(OutcomesUnusable, match="outcomes of 'small' alone: a choice needs two"):
        router_quality.run(a_plan(tmp_path, file), lambda line: None)


def test_a_pair_that_was_hardly_asked_is_left_out_and_said(tmp_path: Path) -> None:
    rare = tmp_path / "rare.csv"
    with rare.open("w", newline="") as file:
        csv.writer(file).writerows([("prompt", "rare"), (outcomes(450).prompts[7], 1)])
    plan = a_plan(tmp_path, outcome_file(tmp_path, 450), rare)
    result = router_quality.run(plan, lambda line: None)
    assert result.notes == ("left out, with fewer than 50 scores to learn from: rare",)
    assert "rare" not in result.routers["success model"].ece_per_pair


def test_a_pair_without_a_price_is_refused_with_the_form_of_prices(tmp_path: Path) -> None:
    plan = a_plan(tmp_path, outcome_file(tmp_path, 300))
    assert plan.prices is not None
    plan.prices.write_text('{"small": 0.1}')
    with pytest.raises(OutcomesUnusable, match=r"no price of middle, large.*--prices"):
        router_quality.run(plan, lambda line: None)


def test_a_test_file_without_any_pair_of_the_training_file_is_refused(tmp_path: Path) -> None:
    known = outcome_file(tmp_path, 300, name="a.csv")
    other = tmp_path / "b.csv"
    other.write_text("prompt,stranger\nWhat is it?,1\n")
    with pytest.raises(OutcomesUnusable, match=r"of small, middle, large.*of stranger"):
        router_quality.run(a_plan(tmp_path, known, test=(other,)), lambda line: None)


def test_a_test_file_may_have_other_columns_and_kinds(tmp_path: Path) -> None:
    """Pairs in another order, one fewer, one more, and kinds of prompts never trained on."""
    known = outcome_file(tmp_path, 400, name="a.csv")
    table = outcomes(200, seed=8)
    unseen = tmp_path / "b.csv"
    with unseen.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["stranger", "large", "small", "prompt", "subject"])
        for prompt, (small, _, large) in zip(table.prompts, table.scores, strict=True):
            writer.writerow([0.5, large, small, prompt, "cooking"])

    result = router_quality.run(a_plan(tmp_path, known, test=(unseen,)), lambda line: None)

    assert (result.weak, result.strong, result.prompts) == ("small", "large", 200)
    ours = result.routers["success model"]
    assert {cell.kind for cell in ours.floors.cells} == {"cooking"}
    assert ours.two.apgr > 0.65
    assert result.notes == ("left out, as only one side has outcomes of them: middle, stranger",)


def test_the_outcome_file_made_here_is_the_table_it_was_made_of(tmp_path: Path) -> None:
    from profiles.training.load_outcomes import read_table

    table = read_table([outcome_file(tmp_path, 50)])
    assert np.array_equal(table.scores, outcomes(50).scores)
    assert table.prompts == outcomes(50).prompts
