"""What feedback has moved decides, and the decision says so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from serve_app.core.catalog import Catalog
from serve_app.core.decide import decide
from serve_app.core.decision import Decision
from serve_app.core.profile import Correction
from serve_app.core.request import Constraints, Success, Task
from tests.builders import (
    a_catalog,
    a_classification,
    a_pair,
    a_policy,
    a_profile,
    features,
    idle_load,
)

PAIRS = (a_pair("cheap"), a_pair("dear"))
MEASURED = a_catalog(
    a_profile("cheap", accuracy=0.8, lower=0.7, usd_per_hour=0.1),
    a_profile("dear", accuracy=0.9, lower=0.85),
)


def corrected(pair: str, task: Task, mean: float, lower: float) -> Catalog:
    return replace(MEASURED, corrections={(pair, task): Correction(mean=mean, lower=lower)})


def decided(
    catalog: Catalog,
    *,
    task: Task = "code",
    least: float | None = 0.6,
    success: dict[str, Success] | None = None,
) -> Decision:
    return decide(
        decision_id="d",
        features=features(classification=a_classification(task, success=success)),
        constraints=Constraints(min_accuracy=least),
        pairs=PAIRS,
        catalog=catalog,
        load=idle_load("cheap", "dear"),
        policy=a_policy(accuracy=0.0, latency=0.0, cost=1.0, reference_pair="dear"),
    )


def test_a_pair_that_feedback_put_below_the_floor_is_not_chosen_and_the_rejection_says_why() -> (
    None
):
    assert decided(MEASURED).chosen == "cheap"

    decision = decided(corrected("cheap", "code", -0.2, -0.25))

    assert decision.chosen == "dear"
    assert [(r.pair, r.got) for r in decision.rejected] == [
        ("cheap", "0.449 lower bound, moved -0.250 by feedback")
    ]


def test_a_pair_that_feedback_put_above_the_floor_is_chosen_and_the_reason_says_why() -> None:
    assert decided(MEASURED, least=0.75).chosen == "dear"

    decision = decided(corrected("cheap", "code", 0.05, 0.1), least=0.75)

    assert decision.chosen == "cheap"
    assert decision.reason.endswith(
        "; feedback moved the accuracy of cheap by +0.050, its lower bound by +0.100"
    )
    assert decision.ranked[0].prediction is not None
    assert decision.ranked[0].prediction.feedback == Correction(mean=0.05, lower=0.1)


def test_feedback_on_one_task_leaves_other_tasks_and_other_pairs_alone() -> None:
    catalog = corrected("cheap", "code", -0.2, -0.25)

    assert decided(catalog, task="extraction") == decided(MEASURED, task="extraction")
    assert decided(catalog).ranked[0].prediction == decided(MEASURED).ranked[1].prediction


def test_what_a_classifier_says_of_this_prompt_moves_by_the_same() -> None:
    classified = {"cheap": Success(mean=0.9, lower=0.8)}

    decision = decided(corrected("cheap", "code", -0.1, -0.15), success=classified)

    prediction = decision.ranked[0].prediction
    assert prediction is not None
    assert prediction.accuracy == pytest.approx(0.8)
    assert prediction.accuracy_lower == pytest.approx(0.65)


@pytest.mark.parametrize(
    ("mean", "lower", "became"),
    [(0.5, 0.6, (1.0, 1.0)), (-1.0, -1.0, (0.0, 0.0)), (-0.5, 0.2, (0.3, 0.3))],
)
def test_no_correction_takes_an_accuracy_out_of_its_range_or_its_bound_above_it(
    mean: float, lower: float, became: tuple[float, float]
) -> None:
    decision = decided(corrected("cheap", "code", mean, lower), least=None)

    (prediction,) = [c.prediction for c in decision.candidates if c.pair == "cheap"]
    assert prediction is not None
    assert (prediction.accuracy, prediction.accuracy_lower) == pytest.approx(became)
