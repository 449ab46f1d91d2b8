"""Tunes the weights of every preset, the certainty of floors and the numeric guard on outcomes.

Only where there are enough outcomes: logs grade some pairs often and others hardly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from profiles.router_eval.out_of_fold import Progress
from profiles.router_eval.prices import cost_of_answers, price_of_each
from profiles.training.folds import Split, folds
from profiles.training.load_outcomes import read_table
from profiles.training.outcomes import OutcomesUnusable, OutcomeTable, counted
from profiles.training.train import LEAST_PROMPTS
from profiles.tuning.case import Case
from profiles.tuning.certainty import CertaintyCurve, certainty_curve
from profiles.tuning.fleet_case import FleetAtRest, features_of, fleet_case, pairs_of_both
from profiles.tuning.numeric_guard import GuardCurve, guard_curve
from profiles.tuning.out_of_fold import (
    OutOfFold,
    Part,
    classifications_of,
    given_model,
    predict_out_of_fold,
    train_per_fold,
)
from profiles.tuning.presets import Advice, Trial, advise, marks
from profiles.tuning.priced_case import priced_case, reference_of
from profiles.tuning.resample import Resamples
from profiles.tuning.sweep import Result
from serve_app.core.policy import Weights
from serve_app.core.request import Preset, Prompt, PromptClassification

LEAST_ANSWERS = 50


def usable(table: OutcomeTable) -> tuple[OutcomeTable, tuple[str, ...]]:
    """Pairs with enough graded answers, and prompts that one of them answered. The rest is listed.

    Raises `OutcomesUnusable`.
    """
    graded = (~np.isnan(table.scores)).sum(axis=0)
    counts = dict(zip(table.pairs, graded.tolist(), strict=True))
    kept = [pair for pair, count in counts.items() if count >= LEAST_ANSWERS]
    few = [f"{pair} ({count})" for pair, count in counts.items() if count < LEAST_ANSWERS]
    if not kept:
        raise OutcomesUnusable(
            f"graded answers are too few to tune on: {', '.join(few)}; at least {LEAST_ANSWERS} of "
            f"each of two pairs"
        )
    asked = table.asked_of(kept)
    rare = (f"fewer than {LEAST_ANSWERS} graded answers of {', '.join(few)}: left out",)
    dropped = counted((len(table) - len(asked), "prompts that no other pair answered left out"))
    return asked, (*(rare if few else ()), *dropped)


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningPlan:
    """`model` is a trained success model; without one, one is trained per fold.

    `lose` is the accuracy that may be lost against the reference pair where cost or latency comes
    first.
    """

    files: tuple[Path, ...]
    folds: int
    model: Path | None
    lose: float
    floors: tuple[float, ...]
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """What was found. Presets that could not be tuned keep their `present` weights.

    `guard` is `None` where the pairs' activations are not known.
    """

    pairs: tuple[str, ...]
    reference: str
    prompts: int
    lose: float
    notes: tuple[str, ...]
    marks: Mapping[str, Result]
    presets: tuple[Advice, ...]
    present: Mapping[Preset, Weights]
    certainty: CertaintyCurve
    guard: GuardCurve | None

    @property
    def weights(self) -> dict[Preset, Weights]:
        """Of every preset, tuned or left as they are."""
        return {**self.present, **{one.preset: one.advised for one in self.presets}}

    @property
    def untuned(self) -> tuple[Preset, ...]:
        tuned = {one.preset for one in self.presets}
        return tuple(preset for preset in self.present if preset not in tuned)


def tune_fleet(
    plan: TuningPlan,
    fleet: FleetAtRest,
    *,
    local: Callable[[Prompt], PromptClassification],
    progress: Progress,
) -> Tuning:
    """On outcomes of the fleet's pairs; `local` judges what a success model does not.

    Raises `OSError`, `OutcomesUnusable` or `SuccessModelRefused`.
    """
    table, few = usable(read_table(plan.files))
    table, fleet, left_out = pairs_of_both(table, fleet)
    splits, parts = _unseen(plan, table, progress)
    said = predict_out_of_fold(table, parts)
    progress(f"decides {len(table)} prompts")
    features = features_of(table, classifications_of(table, parts, local=local))
    case = fleet_case(table, fleet, features, said.means)
    present = fleet.policy.weights
    guard = guard_curve(
        case, fleet, [features[row] for row in case.rows], present["balanced"], seed=plan.seed
    )
    notes = (*table.notes, *few, *left_out)
    return _tuned(plan, case, said, splits, present, notes, guard=guard, progress=progress)


def tune_priced(
    plan: TuningPlan,
    prices: Mapping[str, float],
    *,
    reference: str | None,
    present: Mapping[Preset, Weights],
    progress: Progress,
) -> Tuning:
    """On outcomes of any pairs, by prices per token. Raises as `tune_fleet` does."""
    table, few = usable(read_table(plan.files))
    reference = reference_of(table, reference)
    try:
        costs = cost_of_answers(table, price_of_each(table.pairs, prices))
    except OutcomesUnusable as exc:
        raise OutcomesUnusable(f"{exc}; or name the fleet of these pairs with --fleet") from exc
    splits, parts = _unseen(plan, table, progress)
    said = predict_out_of_fold(table, parts)
    case = priced_case(table, costs, said.means, reference=reference)
    notes = (*table.notes, *few)
    return _tuned(plan, case, said, splits, present, notes, guard=None, progress=progress)


def _unseen(
    plan: TuningPlan, table: OutcomeTable, progress: Progress
) -> tuple[list[Split], list[Part]]:
    least = LEAST_PROMPTS if plan.model else -(-LEAST_PROMPTS * plan.folds // (plan.folds - 1))
    if len(table) < least:
        raise OutcomesUnusable(
            f"{len(table)} prompts are too few to tune on in {plan.folds} folds; at least {least}"
        )
    splits = folds(table.same_prompt, count=plan.folds, seed=plan.seed)
    if plan.model is not None:
        return splits, [given_model(plan.model, table)]
    return splits, train_per_fold(table, splits, seed=plan.seed, progress=progress)


def _tuned(
    plan: TuningPlan,
    case: Case,
    said: OutOfFold,
    splits: list[Split],
    present: Mapping[Preset, Weights],
    notes: tuple[str, ...],
    *,
    guard: GuardCurve | None,
    progress: Progress,
) -> Tuning:
    answers = case.answers
    if not answers.cost_usd[:, answers.reference].sum() > 0:
        raise OutcomesUnusable(
            f"answers of the reference pair {answers.pairs[answers.reference]!r} cost nothing, so "
            f"no cost is a share of theirs: give it a price"
        )
    resamples = Resamples(answers.same_prompt, seed=plan.seed)
    progress(f"weighs {len(answers)} prompts")
    # By the rows that the case has left.
    within = [
        Split(
            train=np.flatnonzero(np.isin(case.rows, split.train)),
            test=np.flatnonzero(np.isin(case.rows, split.test)),
        )
        for split in splits
    ]
    trial = Trial(splits=within, lose=plan.lose, resamples=resamples)
    ungraded = 1 - float(answers.graded.mean())
    predicted = f"{ungraded:.1%} of the answers were not graded: predicted success counts for them"
    return Tuning(
        pairs=answers.pairs,
        reference=answers.pairs[answers.reference],
        prompts=len(answers),
        lose=plan.lose,
        notes=(*notes, *case.notes, *((predicted,) if ungraded else ())),
        marks=marks(answers, resamples),
        presets=advise(case, present, trial),
        present=present,
        certainty=certainty_curve(
            case, said.rows(case.rows), floors=plan.floors, seed=plan.seed, progress=progress
        ),
        guard=guard,
    )
