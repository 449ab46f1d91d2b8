from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest

from profiles.router_eval.out_of_fold import success_of
from profiles.training.calibration import expected_calibration_error
from profiles.training.outcomes import OutcomesUnusable
from profiles.training.train import train, train_file
from serve_app.classifier.model_file import load_artifact
from serve_app.classifier.text_features import read
from tests.outcomes import RIGHT, outcomes, question, trained


def test_success_follows_the_kind_of_prompt_and_the_pair() -> None:
    random = Random(9)
    for kind, right in RIGHT.items():
        readings = [read(question(kind, random)) for _ in range(50)]
        assert success_of(trained(), readings).means.mean(axis=0) == pytest.approx(right, abs=0.08)


def test_what_is_said_of_unseen_prompts_comes_true() -> None:
    unseen = outcomes(600, seed=5)
    said = success_of(trained(), [read(prompt) for prompt in unseen.prompts]).means
    for column in range(len(unseen.pairs)):
        error = expected_calibration_error(said[:, column], unseen.scores[:, column])
        assert error < 0.06


def test_the_lower_bound_is_never_above_the_mean() -> None:
    unseen = outcomes(100, seed=6)
    said = success_of(trained(), [read(prompt) for prompt in unseen.prompts])
    assert (said.lowers <= said.means).all()
    assert (said.lowers < said.means).any()


def test_the_same_seed_and_data_make_the_same_file(tmp_path: Path) -> None:
    table = outcomes(300)
    for name in ("a.npz", "b.npz"):
        train_file(table, tmp_path / name, seed=4, command="c")
    one, other = load_artifact(tmp_path / "a.npz"), load_artifact(tmp_path / "b.npz")
    assert one.header == other.header
    assert (one.forest.values == other.forest.values).all()
    assert (one.arrays.trait_weights == other.arrays.trait_weights).all()


def test_a_pair_that_was_not_asked_everything_is_learned_from_what_it_was_asked() -> None:
    table = outcomes(800)
    scores = table.scores.copy()
    scores[::2, 1] = np.nan
    partly = replace(table, scores=scores)
    model = train(partly, [read(prompt) for prompt in table.prompts], seed=0, command="")
    random = Random(9)
    readings = [read(question("mathematics", random)) for _ in range(50)]
    middle = success_of(model, readings).means[:, 1].mean()
    assert middle == pytest.approx(RIGHT["mathematics"][1], abs=0.12)


def test_too_few_prompts_are_refused() -> None:
    table = outcomes(50)
    with pytest.raises(OutcomesUnusable, match="50 prompts are too few"):
        train(table, [read(prompt) for prompt in table.prompts], seed=0, command="")
