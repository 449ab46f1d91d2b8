"""Outcomes of pairs that are in no fleet: prices alone, neither latency nor constraints."""

from __future__ import annotations

import numpy as np

from profiles.router_eval.prices import Costs
from profiles.training.arrays import Floats
from profiles.training.outcomes import OutcomesUnusable, OutcomeTable
from profiles.tuning.case import Answers, Case
from profiles.tuning.choices import Choices, outlook_without_constraints
from serve_app.core.decision import Prediction


def reference_of(table: OutcomeTable, reference: str | None) -> str:
    """The pair named, or the one most often right. Raises `OutcomesUnusable`."""
    if len(table.pairs) < 2:
        raise OutcomesUnusable(
            f"there are outcomes of {table.pairs[0]!r} alone: weights choose between pairs, so "
            f"give outcomes of at least two"
        )
    if reference is None:
        return table.pairs[int(np.nanmean(table.scores, axis=0).argmax())]
    table.column(reference)
    return reference


def priced_case(table: OutcomeTable, costs: Costs, means: Floats, *, reference: str) -> Case:
    """`means` are predicted by models that had not seen the prompts."""
    outlooks = []
    for usd, success in zip(costs.expected.tolist(), means.tolist(), strict=True):
        predicted = map(priced_prediction, usd, success)
        predictions = dict(zip(table.pairs, predicted, strict=True))
        outlooks.append(outlook_without_constraints(predictions, reference))
    graded = ~np.isnan(table.scores)
    return Case(
        table=table,
        choices=Choices.of(table.pairs, outlooks),
        answers=Answers(
            pairs=table.pairs,
            reference=table.column(reference),
            scores=np.where(graded, table.scores, means),
            graded=graded,
            expected_usd=costs.expected,
            cost_usd=costs.actual,
            total_ms=None,
            same_prompt=table.same_prompt,
        ),
        rows=np.arange(len(table)),
        notes=("latency is not known without a fleet's profiles (--fleet): left out",),
    )


def priced_prediction(cost_usd: float, accuracy: float) -> Prediction:
    """No time at all for every pair: the term of latency then tells none from another."""
    return Prediction(
        ttft_ms=0.0,
        total_ms=0.0,
        wait_ms=0.0,
        first_text_p50_ms=0.0,
        cost_usd=cost_usd,
        accuracy=accuracy,
        accuracy_lower=accuracy,
        prompt_tokens=0,
        output_tokens=0,
        concurrency=1.0,
        origin="published",
    )
