from __future__ import annotations

import json
from dataclasses import astuple
from pathlib import Path

import pytest
from typer.testing import CliRunner

from profiles.bench import agreement
from profiles.cli import cli
from serve_app.feedback.grading import EXACTLY, IN_WORDS
from tests.paths import REPOSITORY

FOLDER = REPOSITORY / "profiles" / "data" / "smollm2-135m-instruct"
# Fewer comparisons of one kind say too little: that task has the rates of all together.
LEAST_COMPARISONS = 20


def test_the_rates_that_grading_goes_by_are_those_of_the_shipped_answers() -> None:
    shipped = {agreement.EXACT: EXACTLY, **IN_WORDS}
    for way, counts in agreement.run(FOLDER).items():
        if min(counts.of(right).pairs for right in range(3)) >= LEAST_COMPARISONS:
            assert astuple(shipped[way]) == pytest.approx(astuple(counts.rates), abs=0.03), way


def test_answers_of_which_neither_is_right_agree_less_often_than_right_ones() -> None:
    for way, counts in agreement.run(FOLDER).items():
        if counts.both_right.pairs >= LEAST_COMPARISONS:
            assert counts.both_wrong.rate < counts.both_right.rate, way


def test_the_command_prints_a_row_per_way_or_the_rates_alone() -> None:
    said = CliRunner().invoke(cli, ["bench", "agreement", str(FOLDER)])
    assert said.exit_code == 0
    assert "3042 comparisons" in said.output
    rates = json.loads(
        CliRunner().invoke(cli, ["bench", "agreement", str(FOLDER), "--json"]).output
    )
    assert rates["translation"].keys() == {"both_right", "one_right", "both_wrong"}


def test_a_folder_without_two_pairs_answers_is_refused(tmp_path: Path) -> None:
    said = CliRunner().invoke(cli, ["bench", "agreement", str(tmp_path)])
    assert said.exit_code == 1
    assert "has 0 files *.outcomes.jsonl; answers of two pairs are compared" in said.stderr
