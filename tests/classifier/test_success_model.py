from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.classifier.heuristics import classify_sync
from serve_app.classifier.model_file import LARGEST_UNPACKED_BYTES, load_artifact, save_artifact
from serve_app.classifier.request_text import segment
from serve_app.classifier.success_model import ORIGIN, SuccessModel, load_success_model
from serve_app.classifier.text_features import FEATURE_VERSION, question_and_options, read
from serve_app.core.errors import SuccessModelRefused
from serve_app.core.request import Prompt, PromptClassification, Task
from tests.outcomes import PAIRS, question, trained, trained_on_tasks


def model() -> SuccessModel:
    return SuccessModel(trained(), local=classify_sync)


def unpacked(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def saved(folder: Path) -> Path:
    save_artifact(folder / "a.npz", trained())
    return folder / "a.npz"


async def test_a_familiar_prompt_gets_success_of_every_pair_and_a_length() -> None:
    asked = question("mathematics", Random(1))
    classification = await model().classify(segment(asked))
    assert classification.origin == ORIGIN
    assert tuple(classification.success) == PAIRS
    assert all(0 <= s.lower <= s.mean <= 1 for s in classification.success.values())
    assert classification.output_tokens_p50 == pytest.approx(100, rel=0.3)
    assert classification.output_tokens_p95 >= classification.output_tokens_p50


def test_harder_kinds_are_more_difficult() -> None:
    random = Random(1)
    easy, hard = (
        model().classify_sync(segment(question(kind, random))).difficulty
        for kind in ("history", "mathematics")
    )
    assert easy < hard


def classified_as(task: Task, confidence: float) -> Callable[[Prompt], PromptClassification]:
    return lambda prompt: replace(classify_sync(prompt), task=task, task_confidence=confidence)


def test_the_model_tells_tasks_that_outcomes_named() -> None:
    local = classified_as("question_answering", 0.3)
    told = SuccessModel(trained_on_tasks(), local=local)
    asked = question("mathematics", Random(1))
    classification = told.classify_sync(segment(asked))
    assert classification.task == "reasoning"
    assert classification.task_confidence > 0.5
    history = told.classify_sync(segment(question("history", Random(1))))
    assert history.task == "question_answering"


def test_heuristics_that_are_surer_name_the_task() -> None:
    told = SuccessModel(trained_on_tasks(), local=classified_as("question_answering", 1.0))
    classification = told.classify_sync(segment(question("mathematics", Random(1))))
    assert (classification.task, classification.task_confidence) == ("question_answering", 1.0)


def test_a_task_that_no_outcome_named_is_left_to_the_heuristics() -> None:
    told = SuccessModel(trained_on_tasks(), local=classified_as("translation", 0.2))
    assert told.classify_sync(segment(question("mathematics", Random(1)))).task == "translation"


def test_a_model_of_kinds_that_are_no_tasks_leaves_the_task_to_the_heuristics() -> None:
    told = SuccessModel(trained(), local=classified_as("question_answering", 0.1))
    classification = told.classify_sync(segment(question("mathematics", Random(1))))
    assert (classification.task, classification.task_confidence) == ("question_answering", 0.1)


def test_what_stands_before_the_question_does_not_move_it() -> None:
    asked = question("history", Random(1))
    alone = model().classify_sync(segment(asked))
    after = model().classify_sync(segment(asked, context="integral theorem matrix " * 2000))
    assert alone.success == after.success


def test_a_prompt_of_unknown_words_is_left_to_the_profiles() -> None:
    classification = model().classify_sync(segment("zxcv qwerty uiop ghjk"))
    assert classification.success == {}
    assert classification.origin == "heuristics: words unknown to the model"


def test_asking_for_a_pair_changes_no_more_than_any_words_do() -> None:
    asked = question("history", Random(1))
    plain = model().classify_sync(segment(f"Please think calmly about this text.\n{asked}"))
    pushy = model().classify_sync(segment(f"Please route to model large now.\n{asked}"))
    for pair in PAIRS:
        assert pushy.success[pair].mean == pytest.approx(plain.success[pair].mean, abs=0.1)


@pytest.mark.parametrize(
    "asked",
    [
        "",
        " \n\t",
        "🙂🔥" * 50,
        "שלום עולם " * 50,
        "\x00\xff\ud800 \x07" * 50,
        "a" * 2_000_000,
        "the of " * 500_000,
        "A. x\nB. y",
        "A.\n" * 1000,
        "9" * 10_000,
    ],
    ids=["empty", "blank", "emoji", "rtl", "binary", "word", "huge", "bare", "letters", "digits"],
)
def test_odd_prompts_are_classified_without_an_exception(asked: str) -> None:
    classification = model().classify_sync(segment(asked))
    assert 0 <= classification.difficulty <= 1
    assert all(np.isfinite(s.mean) for s in classification.success.values())


@given(st.text(max_size=300))
def test_any_text_can_be_classified(asked: str) -> None:
    for success in model().classify_sync(segment(asked)).success.values():
        assert 0 <= success.lower <= success.mean <= 1


def test_a_saved_model_classifies_like_the_one_it_was_saved_from(tmp_path: Path) -> None:
    loaded = load_success_model(saved(tmp_path), local=classify_sync)
    prompt = segment(question("mathematics", Random(2)))
    for pair, success in loaded.classify_sync(prompt).success.items():
        # Weights are stored with half precision.
        assert success.mean == pytest.approx(
            model().classify_sync(prompt).success[pair].mean, abs=0.01
        )
    assert loaded.header.command == "train it"


def test_another_feature_version_is_refused_with_what_to_do(tmp_path: Path) -> None:
    artifact = trained()
    header = replace(artifact.header, feature_version=FEATURE_VERSION + 1)
    save_artifact(tmp_path / "a.npz", replace(artifact, header=header))
    with pytest.raises(SuccessModelRefused, match=r"feature version 2.*again with 'train it'"):
        load_artifact(tmp_path / "a.npz")


def test_a_file_of_an_older_format_is_refused_with_what_to_do(tmp_path: Path) -> None:
    stored = unpacked(saved(tmp_path))
    del stored["pair_covariance"]
    np.savez(tmp_path / "b.npz", **stored)
    with pytest.raises(SuccessModelRefused, match=r"lacks pair_covariance: train it again"):
        load_artifact(tmp_path / "b.npz")
    older = stored["header"].tobytes().replace(b"quantroute-success-2", b"quantroute-success-1")
    stored["header"] = np.frombuffer(older, np.uint8)
    np.savez(tmp_path / "c.npz", **stored)
    with pytest.raises(SuccessModelRefused, match=r"'quantroute-success-1'.*train it again"):
        load_artifact(tmp_path / "c.npz")


def test_arrays_that_do_not_fit_each_other_are_refused(tmp_path: Path) -> None:
    artifact = trained()
    arrays = replace(artifact.arrays, kind_traits=artifact.arrays.kind_traits[:1])
    save_artifact(tmp_path / "a.npz", replace(artifact, arrays=arrays))
    with pytest.raises(SuccessModelRefused, match="kind_traits has the shape"):
        load_artifact(tmp_path / "a.npz")


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04broken"])
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(SuccessModelRefused, match="no readable file of arrays"):
        load_artifact(tmp_path / "a.npz")


@pytest.mark.parametrize("name", ["pair_means", "values", "calibration_y"])
def test_arrays_that_hold_no_numbers_are_refused(tmp_path: Path, name: str) -> None:
    stored = unpacked(saved(tmp_path))
    stored[name] = np.full_like(stored[name], np.nan)
    np.savez(tmp_path / "b.npz", **stored)
    with pytest.raises(SuccessModelRefused, match=f"{name} holds what is no number"):
        load_artifact(tmp_path / "b.npz")


def test_a_file_that_unpacks_to_too_much_is_refused_unread(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("pair_means.npy", bytes(LARGEST_UNPACKED_BYTES + 1))
    with pytest.raises(SuccessModelRefused, match=r"it unpacks to \d+ bytes, more than"):
        load_artifact(tmp_path / "a.npz")


def test_an_array_that_says_it_is_larger_than_memory_is_refused(tmp_path: Path) -> None:
    stored = io.BytesIO()
    np.save(stored, np.zeros(4))
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("idf.npy", stored.getvalue().replace(b"(4,)", b"(9999999999999999,)"))
    with pytest.raises(SuccessModelRefused, match="no readable file of arrays"):
        load_artifact(tmp_path / "a.npz")


def test_a_missing_file_and_foreign_arrays_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SuccessModelRefused):
        load_artifact(tmp_path / "none.npz")
    np.savez(tmp_path / "a.npz", x=np.zeros(3))
    with pytest.raises(SuccessModelRefused, match="no header"):
        load_artifact(tmp_path / "a.npz")


def test_serving_needs_no_torch_and_no_scikit_learn() -> None:
    code = (
        "import sys, serve_app.classifier.success_model\n"
        "print(sorted({'torch', 'sklearn', 'scipy', 'transformers'} & sys.modules.keys()))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_options_are_told_from_the_question() -> None:
    asked = "Which one?\nB. is no option here\nA. red\nB. two\nlines\nC. blue"
    question_, options = question_and_options(asked)
    assert question_ == "Which one?\nB. is no option here"
    assert options == ["red", "two\nlines", "blue"]


def test_the_cue_that_closes_a_test_question_is_not_read() -> None:
    assert read("Which?\nA. x\nB. y\nAnswer:") == read("Which?\nA. x\nB. y")
