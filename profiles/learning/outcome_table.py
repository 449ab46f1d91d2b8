"""Graded answers as a table: one row per prompt, one column per pair."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

NO_KIND = "any"
CHARS_PER_TOKEN = 4.0
BETWEEN_WORDS = re.compile(r"\W+")


class OutcomesUnusable(Exception):
    """Outcomes cannot be learned from or measured on; says which, and what to do."""


@dataclass(frozen=True, kw_only=True)
class OutcomeTable:
    """`scores` (prompts, pairs) are 0 to 1, NaN where a pair was not asked.

    `kinds` has the subject or category of each prompt, `NO_KIND` where the source gives none.
    `answer_chars` are lengths of answers, NaN where unknown. `notes` say what was put right while
    reading. `data` maps each file to its SHA-256.
    """

    prompts: tuple[str, ...]
    kinds: tuple[str, ...]
    pairs: tuple[str, ...]
    scores: Floats
    answer_chars: Floats
    notes: tuple[str, ...] = ()
    data: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        wrong = ~(np.isnan(self.scores) | ((self.scores >= 0) & (self.scores <= 1)))
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            raise OutcomesUnusable(
                f"{int(wrong.sum())} scores are outside 0 to 1, first {self.scores[row, column]:g} "
                f"of {self.pairs[column]!r} on {self.prompts[row]!r:.80}; scale them to 0 to 1"
            )
        if not self.prompts:
            raise OutcomesUnusable("there is no outcome to learn from")

    def __len__(self) -> int:
        return len(self.prompts)

    @cached_property
    def same_prompt(self) -> npt.NDArray[np.int64]:
        """Equal numbers for prompts that differ in case, spaces and punctuation alone."""
        numbers: dict[str, int] = {}
        keys = (BETWEEN_WORDS.sub(" ", prompt.lower()).strip() for prompt in self.prompts)
        return np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)

    @property
    def filled(self) -> Floats:
        """Scores with each pair's mean where it was not asked."""
        return np.where(np.isnan(self.scores), np.nanmean(self.scores, axis=0), self.scores)

    def rows(self, which: npt.NDArray[np.int64]) -> OutcomeTable:
        """The same table with these rows alone."""
        return OutcomeTable(
            prompts=tuple(self.prompts[row] for row in which),
            kinds=tuple(self.kinds[row] for row in which),
            pairs=self.pairs,
            scores=self.scores[which],
            answer_chars=self.answer_chars[which],
            notes=self.notes,
            data=self.data,
        )

    def only(self, pairs: Sequence[str]) -> OutcomeTable:
        """The same table with these pairs alone, in this order. Raises `OutcomesUnusable`."""
        columns = [self.column(pair) for pair in pairs]
        return OutcomeTable(
            prompts=self.prompts,
            kinds=self.kinds,
            pairs=tuple(pairs),
            scores=self.scores[:, columns],
            answer_chars=self.answer_chars[:, columns],
            notes=self.notes,
            data=self.data,
        )

    def column(self, pair: str) -> int:
        if pair not in self.pairs:
            raise OutcomesUnusable(
                f"no outcomes of {pair!r}; there are outcomes of {', '.join(self.pairs)}"
            )
        return self.pairs.index(pair)
