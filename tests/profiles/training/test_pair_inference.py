from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from random import Random

import numpy as np
import pytest

from profiles.router_eval.out_of_fold import success_of
from profiles.training.outcomes import OutcomesUnusable
from profiles.training.pair_inference import graded_answers, infer_pair, profile_results, with_pair
from serve_app.classifier.model_file import Artifact
from serve_app.classifier.text_features import read
from serve_app.core.profile import PairedAccuracy, Scope, TaskAccuracy
from tests.builders import a_profile
from tests.outcomes import RIGHT, question, trained, trained_on_tasks

RANDOM = Random(3)
HISTORY = [question("history", RANDOM) for _ in range(60)]
MATHEMATICS = [question("mathematics", RANDOM) for _ in range(60)]


def added_from(count: int) -> Artifact:
    """A pair that is as good as the trained ones are on average."""
    random, kinds, model = Random(7), tuple(RIGHT), trained()
    prompts = [question(kinds[at % 2], random) for at in range(count)]
    scores = np.array([np.mean(RIGHT[kinds[at % 2]]) for at in range(count)])
    return with_pair(model, "new", infer_pair(model, graded_answers(model, prompts, scores)))


def lower_success(artifact: Artifact, pair: str, prompts: list[str]) -> float:
    column = artifact.header.pairs.index(pair)
    return float(success_of(artifact, [read(p) for p in prompts]).lowers[:, column].mean())


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
    before, after = success_of(model, readings), success_of(grown, readings)
    assert after.means[:, :3] == pytest.approx(before.means, abs=1e-6)
    assert after.lowers[:, :3] == pytest.approx(before.lowers, abs=1e-6)


def test_the_fewer_answers_place_a_pair_the_lower_its_bound() -> None:
    lowers = [lower_success(added_from(count), "new", HISTORY) for count in (50, 300, 3000)]
    assert all(fewer < more for fewer, more in pairwise(lowers))


def test_with_many_answers_a_bound_comes_to_that_of_a_pair_taken_for_sure() -> None:
    def withheld(count: int) -> float:
        grown = added_from(count)
        nothing = np.zeros_like(grown.arrays.pair_covariance)
        sure = replace(grown, arrays=replace(grown.arrays, pair_covariance=nothing))
        return lower_success(sure, "new", HISTORY) - lower_success(grown, "new", HISTORY)

    assert withheld(50) > 0.04
    assert withheld(3000) < withheld(50) / 3


def test_no_certainty_asks_for_no_allowance() -> None:
    grown = added_from(50)
    careless = replace(grown, header=replace(grown.header, certainty=0.0))
    assert lower_success(careless, "new", HISTORY) > lower_success(grown, "new", HISTORY)


def test_a_pair_is_least_sure_on_prompts_unlike_those_it_was_graded_on() -> None:
    model = trained()
    evidence = graded_answers(model, HISTORY, np.ones(len(HISTORY)))
    grown = with_pair(model, "new", infer_pair(model, evidence))
    allowed = {
        name: mean_success(grown, "new", prompts) - lower_success(grown, "new", prompts)
        for name, prompts in (("history", HISTORY), ("mathematics", MATHEMATICS))
    }
    assert allowed["mathematics"] > 2 * allowed["history"]


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


def losses_of_a_quantized_pair(
    model: Artifact, changes: Mapping[Scope, PairedAccuracy]
) -> tuple[float, float]:
    """What it loses on history and on mathematics, added from its change per task."""
    profile = replace(a_profile("large-w4a16"), parent="large", against_parent=changes)
    questions = {"question_answering": HISTORY, "reasoning": MATHEMATICS}
    evidence, parent = profile_results(model, profile, questions)
    assert parent == "large"
    grown = with_pair(model, "large-w4a16", infer_pair(model, evidence, parent=parent))
    history, mathematics = (
        mean_success(grown, "large", prompts) - mean_success(grown, "large-w4a16", prompts)
        for prompts in (HISTORY, MATHEMATICS)
    )
    return history, mathematics


def paired_change(mean: float, half_width: float) -> PairedAccuracy:
    return PairedAccuracy(
        change=mean, lower=mean - half_width, upper=mean + half_width, items=300, lost=40, won=10
    )


def test_a_quantized_pair_loses_most_where_its_paired_results_do() -> None:
    history, mathematics = losses_of_a_quantized_pair(
        trained(),
        {
            "question_answering": paired_change(-0.01, 0.02),
            "reasoning": paired_change(-0.12, 0.02),
        },
    )
    assert mathematics == pytest.approx(0.12, abs=0.04)
    assert history == pytest.approx(0.01, abs=0.03)


def test_a_large_loss_at_one_task_is_found_there_alone() -> None:
    history, mathematics = losses_of_a_quantized_pair(
        trained_on_tasks(),
        {"question_answering": paired_change(0.0, 0.1), "reasoning": paired_change(-0.6, 0.1)},
    )
    assert mathematics > 0.5
    assert history < 0.05


def test_a_pair_that_is_there_already_is_replaced() -> None:
    model = trained()
    evidence = graded_answers(model, HISTORY, np.zeros(len(HISTORY)))
    grown = with_pair(model, "small", infer_pair(model, evidence))
    assert sorted(grown.header.pairs) == sorted(model.header.pairs)
    assert mean_success(grown, "small", HISTORY) < mean_success(model, "small", HISTORY)


def test_a_profile_of_other_tasks_is_refused() -> None:
    with pytest.raises(OutcomesUnusable, match="no accuracy for any of the tasks"):
        profile_results(trained(), a_profile("new"), {"translation": HISTORY})
