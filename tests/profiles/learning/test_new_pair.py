from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from profiles.learning.new_pair import graded_answers, infer_pair, profile_results, with_pair
from profiles.learning.outcome_table import OutcomesUnusable
from profiles.learning.predict import success_of
from serve_app.adapters.success_artifact import Artifact
from serve_app.adapters.success_text import read
from serve_app.core.profile import PairedAccuracy, TaskAccuracy
from tests.builders import a_profile
from tests.outcomes import question, trained

RANDOM = Random(3)
HISTORY = [question("history", RANDOM) for _ in range(60)]
MATHEMATICS = [question("mathematics", RANDOM) for _ in range(60)]


def mean_success(artifact: Artifact, pair: str, prompts: list[str]) -> float:
    column = artifact.header.pairs.index(pair)
    return float(success_of(artifact, [read(p) for p in prompts]).means[:, column].mean())


def test_graded_answers_place_a_new_pair_among_the_others() -> None:
    random = np.random.default_rng(0)
    scores = np.concatenate((random.random(60) < 0.88, random.random(60) < 0.35)).astype(float)
    model = trained()
    evidence = graded_answers(model, HISTORY + MATHEMATICS, scores)
    grown = with_pair(model, "new", infer_pair(model, evidence))
    assert mean_success(grown, "new", HISTORY) == pytest.approx(0.88, abs=0.1)
    assert mean_success(grown, "new", MATHEMATICS) == pytest.approx(0.35, abs=0.12)


def test_the_other_pairs_stay_as_they_were() -> None:
    model = trained()
    evidence = graded_answers(model, HISTORY, np.ones(len(HISTORY)))
    grown = with_pair(model, "new", infer_pair(model, evidence))
    readings = [read(prompt) for prompt in MATHEMATICS]
    others = success_of(grown, readings).means[:, :3]
    assert others == pytest.approx(success_of(model, readings).means, abs=1e-6)


def test_a_profile_alone_adds_a_pair() -> None:
    profile = a_profile(
        "new",
        accuracy={
            "overall": TaskAccuracy(mean=0.7, lower=0.6, items=120),
            "question_answering": TaskAccuracy(mean=0.9, lower=0.8, items=60),
            "reasoning": TaskAccuracy(mean=0.5, lower=0.4, items=60),
        },
    )
    model = trained()
    questions = {"question_answering": HISTORY, "reasoning": MATHEMATICS}
    evidence, parent = profile_results(model, profile, questions)
    grown = with_pair(model, "new", infer_pair(model, evidence, parent=parent))
    assert mean_success(grown, "new", HISTORY) == pytest.approx(0.9, abs=0.08)
    assert mean_success(grown, "new", MATHEMATICS) == pytest.approx(0.5, abs=0.1)


def test_a_quantized_pair_loses_most_where_its_paired_results_do() -> None:
    def change(mean: float) -> PairedAccuracy:
        return PairedAccuracy(
            change=mean, lower=mean - 0.02, upper=mean + 0.02, items=300, lost=40, won=10
        )

    profile = replace(
        a_profile("large-w4a16"),
        parent="large",
        against_parent={"question_answering": change(-0.01), "reasoning": change(-0.12)},
    )
    model = trained()
    questions = {"question_answering": HISTORY, "reasoning": MATHEMATICS}
    evidence, parent = profile_results(model, profile, questions)
    assert parent == "large"
    vector = infer_pair(model, evidence, parent=parent)
    grown = with_pair(model, "large-w4a16", vector)
    lost = {
        name: mean_success(grown, "large", prompts) - mean_success(grown, "large-w4a16", prompts)
        for name, prompts in (("history", HISTORY), ("mathematics", MATHEMATICS))
    }
    assert lost["mathematics"] == pytest.approx(0.12, abs=0.04)
    assert lost["history"] == pytest.approx(0.01, abs=0.03)


def test_a_pair_that_is_there_already_is_replaced() -> None:
    model = trained()
    evidence = graded_answers(model, HISTORY, np.zeros(len(HISTORY)))
    grown = with_pair(model, "small", infer_pair(model, evidence))
    assert sorted(grown.header.pairs) == sorted(model.header.pairs)
    assert mean_success(grown, "small", HISTORY) < mean_success(model, "small", HISTORY)


def test_a_profile_of_other_tasks_is_refused() -> None:
    with pytest.raises(OutcomesUnusable, match="no accuracy for any of the tasks"):
        profile_results(trained(), a_profile("new"), {"translation": HISTORY})
