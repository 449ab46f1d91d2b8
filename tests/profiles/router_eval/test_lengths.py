from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from profiles.cli import cli
from profiles.router_eval import classifier_accuracy
from profiles.router_eval.classifier_accuracy import LengthsPlan
from profiles.training.outcomes import OutcomesUnusable
from tests.outcomes import outcome_file
from tests.paths import REPOSITORY

FOLDER = REPOSITORY / "profiles" / "data" / "smollm2-135m-instruct"


def test_as_many_answers_are_within_what_the_model_foretells_as_it_says() -> None:
    files = tuple(sorted(FOLDER.glob("*.outcomes.jsonl")))
    plan = LengthsPlan(files=files, folds=3, seed=0)
    told = {one.judge: one for one in classifier_accuracy.run_lengths(plan, lambda line: None)}
    assert told["success model"].answers == told["heuristics"].answers > 1_000
    assert told["success model"].within_p50 == pytest.approx(0.5, abs=0.05)
    assert told["success model"].within_p95 == pytest.approx(0.95, abs=0.02)


def test_outcomes_without_lengths_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "scores.csv"
    file.write_text("prompt,small\nWho wrote Hamlet?,1\nWho wrote Faust?,0\n")
    with pytest.raises(OutcomesUnusable, match="do not say how long an answer was"):
        classifier_accuracy.run_lengths(
            LengthsPlan(files=(file,), folds=2, seed=0), lambda line: None
        )


def test_the_command_prints_a_line_per_judge(tmp_path: Path) -> None:
    file = str(outcome_file(tmp_path, 420))
    said = CliRunner().invoke(cli, ["bench", "lengths", file, "--folds", "2"])
    assert said.exit_code == 0
    assert "success model  of 1260 answers" in said.stdout
    as_json = CliRunner().invoke(cli, ["bench", "lengths", file, "--folds", "2", "--json"])
    assert json.loads(as_json.stdout)["heuristics"]["answers"] == 1260
