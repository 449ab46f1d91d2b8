"""What prompts differ in, found in the scores of all pairs at once.

How long answers are is one more factor of a prompt.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA

from profiles.training.arrays import Floats
from profiles.training.outcomes import CHARS_PER_TOKEN, OutcomeTable
from serve_app.classifier.model_file import AnswerLength

LEAST_ANSWERS = 200
# The forest splits where factors differ most: lengths must not outweigh success.
SPREAD = 0.3
MAX_FACTORS = 12


@dataclass(frozen=True, kw_only=True)
class LengthFactor:
    """`values` are mean logarithms of a prompt's answers, less `mean`, over `scale`.

    `logs` (prompts, pairs) are the logarithms of tokens, NaN where unknown.
    """

    values: Floats
    logs: Floats
    mean: float
    scale: float


def length_factor(table: OutcomeTable) -> LengthFactor | None:
    """`None` where the outcomes do not say how long enough of the answers were."""
    known = np.isfinite(table.answer_chars).any(axis=1)
    if known.sum() < LEAST_ANSWERS:
        return None
    logs = np.log(np.maximum(1.0, table.answer_chars / CHARS_PER_TOKEN))
    of_prompt = np.full(len(table), np.nan)
    of_prompt[known] = np.nanmean(logs[known], axis=1)
    mean = float(np.nanmean(of_prompt))
    scale = float(np.nanstd(of_prompt)) / SPREAD or 1.0
    values = np.nan_to_num((of_prompt - mean) / scale)
    return LengthFactor(values=values, logs=logs, mean=mean, scale=scale)


def fit_length(factor: LengthFactor, unseen: Floats) -> AnswerLength:
    """`unseen` is the factor as predicted of unseen prompts.

    The spread is that of single answers: pairs differ in how much they say of the same prompt.
    """
    residual = factor.logs - (factor.mean + factor.scale * unseen)[:, None]
    p50, p95 = np.nanquantile(residual, (0.5, 0.95))
    return AnswerLength(
        mean=factor.mean, scale=factor.scale, p50_residual=float(p50), p95_residual=float(p95)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentFactors:
    """A score is a pair's mean plus `targets` (prompts, factors) times `loadings` (factors, pairs).

    The first factor is mostly how easy a prompt is, later ones what sets pairs apart. The length
    of answers, where it is known, is the last, and no pair's score depends on it.
    """

    targets: Floats
    pair_means: Floats
    loadings: Floats
    length: LengthFactor | None


def fit_factors(table: OutcomeTable) -> LatentFactors:
    """The principal components of the scores, the strongest first."""
    components = PCA(min(MAX_FACTORS, *table.scores.shape)).fit(table.filled)
    targets, directions = components.transform(table.filled), components.components_
    length = length_factor(table)
    if length is not None:
        targets = np.column_stack((targets, length.values))
        directions = np.vstack((directions, np.zeros(len(table.pairs))))
    return LatentFactors(
        targets=targets, pair_means=components.mean_, loadings=directions, length=length
    )
