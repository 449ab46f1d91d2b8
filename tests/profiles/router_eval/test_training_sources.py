"""On what the embedded fleet answered: the questions are few enough to fold in seconds."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from typer.testing import CliRunner

from profiles.cli import cli
from profiles.router_eval import quantization_loss, training_sources
from profiles.router_eval.fleet_outcomes import OwnAnswers, read_own_answers
from profiles.router_eval.training_sources import FleetModelBench, FleetModelPlan
from tests.paths import REPOSITORY

FOLDER = REPOSITORY / "profiles" / "data" / "smollm2-135m-instruct"
BF16, W4A16 = "smollm2-135m-bf16", "smollm2-135m-w4a16"


@pytest.fixture(scope="module")
def own() -> OwnAnswers:
    return read_own_answers(FOLDER)


@cache
def measured() -> FleetModelBench:
    plan = FleetModelPlan(public=(), without=(), floors=(0.1, 0.2), folds=3, seeds=1)
    return training_sources.run(read_own_answers(FOLDER), plan, lambda _: None)


def test_every_question_that_all_pairs_answered_is_one_row(own: OwnAnswers) -> None:
    assert own.table.pairs[0] == BF16
    assert own.unquantized == (BF16,)
    assert len(own.table) == own.profiles[0].accuracy["overall"].items
    assert not np.isnan(own.table.scores).any()


def test_profiles_of_all_questions_are_the_profiles_that_were_measured(own: OwnAnswers) -> None:
    for made, profile in zip(
        own.profiles_measured_on(np.arange(len(own.table))), own.profiles, strict=True
    ):
        assert made.accuracy["overall"].mean == pytest.approx(profile.accuracy["overall"].mean)
        assert made.accuracy.keys() == profile.accuracy.keys()
        assert made.against_parent.keys() == profile.against_parent.keys()


def test_own_answers_tell_single_questions_apart_better_than_accuracy_per_task() -> None:
    ways = measured().ways
    learned, profile = ways[training_sources.OWN], ways[training_sources.TASK_JUDGED]
    assert learned.brier_gain > 2 * learned.brier_gain_error
    for pair, one in learned.pairs.items():
        assert one.auc > profile.pairs[pair].auc


def test_what_the_baseline_gains_on_itself_is_nothing() -> None:
    assert measured().ways[training_sources.TASK_JUDGED].brier_gain == 0


def test_the_report_names_every_way_and_pair() -> None:
    said = training_sources.report(measured())
    for name in (*measured().ways, *measured().pairs):
        assert name in said


def test_differences_that_are_chance_are_not_taken_for_a_loss_per_task(own: OwnAnswers) -> None:
    scores, at = own.table.scores.copy(), own.table.column(W4A16)
    flipped = np.random.default_rng(0).random(len(scores)) < 0.1
    scores[:, at] = np.abs(scores[:, own.table.column(BF16)] - flipped)
    noisy = replace(own, table=replace(own.table, scores=scores))
    told = quantization_loss.run(noisy, halvings=4, progress=lambda _: None).pairs[W4A16]
    learned, per_task = (
        told.ways[way] for way in (quantization_loss.MODEL, quantization_loss.TASK_CHANGE)
    )
    assert learned.squared_error < per_task.squared_error


def test_a_loss_at_one_task_alone_is_found_there(own: OwnAnswers) -> None:
    scores, at = own.table.scores.copy(), own.table.column(W4A16)
    code = np.array(own.table.kinds) == "code"
    scores[:, at] = np.where(code, 0.0, scores[:, own.table.column(BF16)])
    lossy = replace(own, table=replace(own.table, scores=scores))
    told = quantization_loss.run(lossy, halvings=4, progress=lambda _: None).pairs[W4A16]
    learned, overall, per_task = (
        told.ways[way].squared_error
        for way in (
            quantization_loss.MODEL,
            quantization_loss.ONE_CHANGE,
            quantization_loss.TASK_CHANGE,
        )
    )
    assert learned < 0.7 * overall
    # Which is the task of a new prompt is not known for sure.
    assert per_task < learned


def test_the_command_writes_what_it_measured_as_json() -> None:
    ran = CliRunner().invoke(
        cli, ["bench", "quantization-loss", str(FOLDER), "--halvings", "2", "--json"]
    )
    assert ran.exit_code == 0, ran.output
    told = json.loads(ran.stdout)
    assert told["halvings"] == 2
    assert W4A16 in told["pairs"]


def test_a_folder_without_outcomes_is_refused() -> None:
    ran = CliRunner().invoke(cli, ["bench", "fleet-model", str(REPOSITORY / "docs")])
    assert ran.exit_code == 1
    assert "no profile with .outcomes.jsonl beside it" in ran.output
