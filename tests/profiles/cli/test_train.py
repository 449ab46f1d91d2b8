from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from profiles.cli import cli
from serve_app.classifier.model_file import load_artifact, save_artifact
from tests.outcomes import PAIRS, outcome_file, trained
from tests.paths import SMOLLM2_PROFILES


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    return result.exit_code, result.output


@pytest.fixture
def model(tmp_path: Path) -> Path:
    save_artifact(tmp_path / "model.npz", trained())
    return tmp_path / "model.npz"


def test_training_writes_a_model_that_says_how_it_was_made(tmp_path: Path) -> None:
    file = outcome_file(tmp_path, 300)
    code, _ = run("train", file, "--out", tmp_path / "a.npz", "--seed", "7", "--folds", "0")
    header = load_artifact(tmp_path / "a.npz").header
    assert code == 0
    assert (header.seed, header.pairs, header.prompts) == (7, PAIRS, 300)
    assert header.data.keys() == {"outcomes.csv"}


def test_the_certainty_of_floors_is_kept_in_the_model(tmp_path: Path) -> None:
    file = outcome_file(tmp_path, 300)
    for name, certainty in (("a.npz", "1"), ("b.npz", "2")):
        run(
            *("train", file, "--out", tmp_path / name),
            *("--folds", "0", "--certainty", certainty),
        )
    usual, surer = (load_artifact(tmp_path / name) for name in ("a.npz", "b.npz"))
    assert (usual.header.certainty, surer.header.certainty) == (1.0, 2.0)
    assert (surer.arrays.bound_mean >= usual.arrays.bound_mean).all()
    assert (surer.arrays.bound_mean > usual.arrays.bound_mean).any()


def test_training_on_scores_outside_the_scale_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("prompt,x\na,3\n")
    code, said = run("train", tmp_path / "a.csv", "--out", tmp_path / "a.npz", "--folds", "0")
    assert code == 1
    assert "3 is no score; scores are 0 to 1" in said
    assert not (tmp_path / "a.npz").exists()


def test_router_quality_wants_either_folds_or_two_files(tmp_path: Path) -> None:
    file = outcome_file(tmp_path, 10)
    for arguments in ([], [file, "--train", file], ["--train", file]):
        code, said = run("bench", "router-quality", *arguments)
        assert code == 2
        assert "either --train FILE --test FILE, or FILE..." in said


def test_floors_that_are_no_shares_are_refused(tmp_path: Path) -> None:
    file = outcome_file(tmp_path, 10)
    for floors in ("0.5,much", "50"):
        code, _ = run("bench", "router-quality", file, "--floors", floors)
        assert code == 2


def test_the_classifier_bench_prints_what_it_timed(model: Path) -> None:
    code, said = run("bench", "classifier", model, "--rounds", "100", "--json")
    timed = json.loads(said)
    assert code == 0
    assert (timed["pairs"], timed["rounds"]) == (3, 100)
    assert timed["kinds"].keys() == {"question", "pasted context", "conversation"}
    assert all(0 < times["cpu_p50_ms"] <= times["cpu_p99_ms"] for times in timed["kinds"].values())


def test_the_classifier_bench_says_when_a_model_has_another_number_of_pairs(model: Path) -> None:
    code, said = run("bench", "classifier", model, "--rounds", "100", "--prompt-tokens", "50")
    assert code == 0
    assert "3 pairs (times are promised for 8)" in said


@pytest.mark.parametrize(("option", "value"), [("--rounds", "99"), ("--prompt-tokens", "9")])
def test_the_classifier_bench_refuses_numbers_that_measure_nothing(
    model: Path, option: str, value: str
) -> None:
    code, said = run("bench", "classifier", model, option, value)
    assert code == 2
    assert f"'{option}': Input should be greater" in said


def test_the_classifier_bench_says_what_is_wrong_with_a_model(tmp_path: Path) -> None:
    code, said = run("bench", "classifier", tmp_path / "none.npz")
    assert code == 1
    assert "none.npz refused" in said


def test_a_pair_is_added_from_graded_answers(model: Path, tmp_path: Path) -> None:
    file = outcome_file(tmp_path, 100)
    file.write_text(file.read_text().replace("large", "larger"))
    code, said = run("add-pair", model, "--outcomes", file, "--out", tmp_path / "b.npz")
    assert code == 0
    assert "added larger" in said
    assert load_artifact(tmp_path / "b.npz").header.pairs == (*PAIRS, "larger")


def test_a_pair_is_added_from_its_profile_alone(model: Path, tmp_path: Path) -> None:
    profile = SMOLLM2_PROFILES / "smollm2-135m-instruct" / "smollm2-135m-bf16@CPU.json"
    code, _ = run("add-pair", model, "--profile", profile, "--out", tmp_path / "b.npz")
    assert code == 0
    assert load_artifact(tmp_path / "b.npz").header.pairs == (*PAIRS, "smollm2-135m-bf16")


def test_adding_nothing_is_refused(model: Path, tmp_path: Path) -> None:
    code, said = run("add-pair", model, "--out", tmp_path / "b.npz")
    assert code == 2
    assert "--profile FILE or --outcomes FILE" in said
