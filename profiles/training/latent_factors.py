"""What prompts differ in, found in the scores of all pairs at once.

How long answers are is one more trait of a prompt.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA

from profiles.training.outcomes import CHARS_PER_TOKEN, OutcomeTable
from serve_app.classifier.model_file import AnswerLength

Floats = npt.NDArray[np.float64]

LEAST_ANSWERS = 200
# The forest splits where traits differ most: lengths must not outweigh success.
SPREAD = 0.3
MOST_TRAITS = 12


@dataclass(frozen=True, kw_only=True)
class LengthTrait:
    """`values` are mean logarithms of a prompt's answers, less `mean`, over `scale`.

    `logs` (prompts, pairs) are the logarithms of tokens, NaN where unknown.
    """

    values: Floats
    logs: Floats
    mean: float
    scale: float


def length_trait(table: OutcomeTable) -> LengthTrait | None:
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
    return LengthTrait(values=values, logs=logs, mean=mean, scale=scale)


def fit_length(trait: LengthTrait, unseen: Floats) -> AnswerLength:
    """`unseen` is the trait as predicted of unseen prompts.

    The spread is that of single answers: pairs differ in how much they say of the same prompt.
    """
    residual = trait.logs - (trait.mean + trait.scale * unseen)[:, None]
    p50, p95 = np.nanquantile(residual, (0.5, 0.95))
    return AnswerLength(
        mean=trait.mean,
        scale=trait.scale,
        p50_residual=float(p50),
        p95_residual=float(p95),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """A score is a pair's mean plus `targets` (prompts, traits) times `loadings` (traits, pairs).

    The first trait is mostly how easy a prompt is, later ones what sets pairs apart. The length
    of answers, where it is known, is the last, and no pair's score depends on it.
    """

    targets: Floats
    pair_means: Floats
    loadings: Floats
    length: LengthTrait | None


def find_traits(table: OutcomeTable) -> Traits:
    """The principal components of the scores, the strongest first."""
    components = PCA(min(MOST_TRAITS, *table.scores.shape)).fit(table.filled)
    targets, directions = components.transform(table.filled), components.components_
    length = length_trait(table)
    if length is not None:
        targets = np.column_stack((targets, length.values))
        directions = np.vstack((directions, np.zeros(len(table.pairs))))
    return Traits(targets=targets, pair_means=components.mean_, loadings=directions, length=length)
