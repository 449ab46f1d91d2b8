"""What the answers of every pair got, cost and took, on the prompts that are tuned on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from profiles.training.arrays import Bools, Floats, Ints
from profiles.training.outcomes import OutcomeTable
from profiles.tuning.choices import Choices

Saved = Literal["cost", "latency"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """All arrays are (prompts, pairs).

    `scores` are those given, or else the predicted success. `cost_usd` is of the tokens
    counted, or else expected. `total_ms` is predicted, `None` where latency
    is not known. Prompts with equal numbers in `same_prompt` are one prompt.
    """

    pairs: tuple[str, ...]
    reference: int
    scores: Floats
    graded: Bools
    expected_usd: Floats
    cost_usd: Floats
    total_ms: Floats | None
    same_prompt: Ints

    def __len__(self) -> int:
        return len(self.scores)

    def rows(self, which: Ints) -> Answers:
        return replace(
            self,
            scores=self.scores[which],
            graded=self.graded[which],
            expected_usd=self.expected_usd[which],
            cost_usd=self.cost_usd[which],
            total_ms=None if self.total_ms is None else self.total_ms[which],
            same_prompt=self.same_prompt[which],
        )

    @property
    def spent(self) -> Mapping[Saved, Floats]:
        """What accuracy can be weighed against here."""
        cost: dict[Saved, Floats] = {"cost": self.cost_usd}
        return cost if self.total_ms is None else {**cost, "latency": self.total_ms}

    @property
    def cheapest(self) -> Ints:
        """For each prompt the column of the pair expected to cost least."""
        return np.asarray(self.expected_usd.argmin(axis=1), np.int64)

    @property
    def best_single(self) -> int:
        """The column of the pair most often right, and of the cheapest of several such pairs."""
        right, cost_usd = self.scores.mean(axis=0), self.cost_usd.mean(axis=0)
        return min(range(len(self.pairs)), key=lambda column: (-right[column], cost_usd[column]))

    @property
    def oracle(self) -> Ints:
        """For each prompt the column of the cheapest among the best answers that were graded."""
        known = np.where(self.graded, self.scores, -1.0)
        best = known >= known.max(axis=1, keepdims=True)
        return np.asarray(np.where(best, self.cost_usd, np.inf).argmin(axis=1), np.int64)


@dataclass(frozen=True, kw_only=True)
class Case:
    """Everything that tuning needs: what would be chosen and what it gets, prompt by prompt.

    `rows` are those of the outcomes that were read; prompts that no pair may serve are left out.
    """

    table: OutcomeTable
    choices: Choices
    answers: Answers
    rows: Ints
    notes: tuple[str, ...]
