"""How long answers are, as one more trait of a prompt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from profiles.learning.outcome_table import CHARS_PER_TOKEN, OutcomeTable
from serve_app.adapters.success_artifact import AnswerLength

Floats = npt.NDArray[np.float64]

LEAST_ANSWERS = 200
# The forest splits where traits differ most: lengths must not outweigh success.
SPREAD = 0.3


@dataclass(frozen=True, kw_only=True)
class LengthTrait:
    """`values` are logarithms of tokens, less `mean`, over `scale`."""

    values: Floats
    mean: float
    scale: float


def length_trait(table: OutcomeTable) -> LengthTrait | None:
    """`None` where the outcomes do not say how long enough of the answers were."""
    known = np.isfinite(table.answer_chars).any(axis=1)
    if known.sum() < LEAST_ANSWERS:
        return None
    tokens = np.maximum(1.0, table.answer_chars / CHARS_PER_TOKEN)
    logs = np.full(len(table), np.nan)
    logs[known] = np.nanmean(np.log(tokens[known]), axis=1)
    mean = float(np.nanmean(logs))
    scale = float(np.nanstd(logs)) / SPREAD or 1.0
    return LengthTrait(values=np.nan_to_num((logs - mean) / scale), mean=mean, scale=scale)


def fit_length(trait: LengthTrait, unseen: Floats) -> AnswerLength:
    """`unseen` is the trait as predicted of unseen prompts."""
    residual = trait.scale * (trait.values - unseen)
    p50, p95 = np.quantile(residual, (0.5, 0.95))
    return AnswerLength(
        mean=trait.mean,
        scale=trait.scale,
        p50_residual=float(p50),
        p95_residual=float(p95),
    )
