from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from profiles.training.folds import folds
from profiles.training.outcomes import OutcomesUnusable
from profiles.tuning.out_of_fold import (
    classifications_of,
    given_model,
    predict_out_of_fold,
    train_per_fold,
)
from serve_app.classifier.heuristics import classify_sync
from serve_app.classifier.model_file import save_artifact
from tests.outcomes import PAIRS, outcomes, trained


def a_model(folder: Path, **data: str) -> Path:
    model = trained()
    save_artifact(folder / "m.npz", replace(model, header=replace(model.header, data=data)))
    return folder / "m.npz"


def test_no_model_has_seen_the_prompts_it_is_asked() -> None:
    table = outcomes(500)
    splits = folds(table.same_prompt, count=2, seed=0)
    parts = train_per_fold(table, splits, seed=0, progress=lambda line: None)
    assert [part.model.header.prompts for part in parts] == [len(s.train) for s in splits]
    assert [part.rows.tolist() for part in parts] == [s.test.tolist() for s in splits]
    said = predict_out_of_fold(table, parts)
    assert not np.isnan(said.means).any()
    right = {kind: said.means[np.array(table.kinds) == kind, 0].mean() for kind in table.kinds}
    assert right["history"] > right["mathematics"] + 0.4
    agreed = np.mean([a == b for a, b in zip(said.likely_kinds, table.kinds, strict=True)])
    assert agreed > 0.9


def test_a_model_trained_on_the_same_file_is_refused(tmp_path: Path) -> None:
    table = replace(outcomes(300), data=(("new-name.csv", "abc"),))
    path = a_model(tmp_path, **{"old-name.csv": "abc"})
    with pytest.raises(OutcomesUnusable, match=r"trained on new-name.csv itself \(there as 'old"):
        given_model(path, table)


def test_a_model_of_other_outcomes_is_asked_in_the_tables_order(tmp_path: Path) -> None:
    table = outcomes(40, seed=7)
    path = a_model(tmp_path, **{"other.csv": "def"})
    straight = predict_out_of_fold(table, [given_model(path, table)])
    turned = table.only(PAIRS[::-1])
    assert predict_out_of_fold(turned, [given_model(path, turned)]).means[
        :, 0
    ].tolist() == pytest.approx(straight.means[:, 2].tolist())


def test_a_model_that_lacks_a_pair_is_refused(tmp_path: Path) -> None:
    table = replace(outcomes(40), pairs=("small", "middle", "huge"))
    with pytest.raises(OutcomesUnusable, match=r"does not know huge; it knows small, middle"):
        given_model(a_model(tmp_path), table)


def test_classifications_are_what_the_classifier_deployment_would_say(tmp_path: Path) -> None:
    table = outcomes(20, seed=7)
    part = given_model(a_model(tmp_path), table)
    classified = classifications_of(table, [part], local=classify_sync)
    said = predict_out_of_fold(table, [part])
    for row, one in enumerate(classified):
        assert [one.success[pair].mean for pair in PAIRS] == pytest.approx(said.means[row].tolist())
