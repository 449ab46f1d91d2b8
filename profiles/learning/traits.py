"""What prompts differ in, found in the scores of all pairs at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from profiles.learning.answer_lengths import LengthTrait, length_trait
from profiles.learning.outcome_table import OutcomeTable

Floats = npt.NDArray[np.float64]

MOST_TRAITS = 12


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
    """The principal directions of the scores, the strongest first."""
    means = np.nanmean(table.scores, axis=0)
    centred = table.filled - means
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    directions = directions[:MOST_TRAITS]
    targets, length = centred @ directions.T, length_trait(table)
    if length is not None:
        targets = np.column_stack((targets, length.values))
        directions = np.vstack((directions, np.zeros(len(table.pairs))))
    return Traits(targets=targets, pair_means=means, loadings=directions, length=length)
