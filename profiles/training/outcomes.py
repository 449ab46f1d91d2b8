"""Graded answers as a table: one row per prompt, one column per pair; of one file or several."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from profiles.training.arrays import Floats, Ints

NO_KIND = "any"
CHARS_PER_TOKEN = 4.0
BETWEEN_WORDS = re.compile(r"\W+")


class OutcomesUnusable(Exception):
    """Outcomes cannot be learned from or measured on. Names them, and what to do."""


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
    def same_prompt(self) -> Ints:
        """Equal numbers for prompts that differ in case, spaces and punctuation alone."""
        numbers: dict[str, int] = {}
        keys = (BETWEEN_WORDS.sub(" ", prompt.lower()).strip() for prompt in self.prompts)
        return np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)

    @property
    def filled(self) -> Floats:
        """Scores with each pair's mean where it was not asked."""
        return np.where(np.isnan(self.scores), np.nanmean(self.scores, axis=0), self.scores)

    def rows(self, which: Ints) -> OutcomeTable:
        return replace(
            self,
            prompts=tuple(self.prompts[row] for row in which),
            kinds=tuple(self.kinds[row] for row in which),
            scores=self.scores[which],
            answer_chars=self.answer_chars[which],
        )

    def only(self, pairs: Sequence[str]) -> OutcomeTable:
        """The same table with these pairs alone, in this order. Raises `OutcomesUnusable`."""
        columns = [self.column(pair) for pair in pairs]
        return replace(
            self,
            pairs=tuple(pairs),
            scores=self.scores[:, columns],
            answer_chars=self.answer_chars[:, columns],
        )

    def asked_of(self, pairs: Sequence[str]) -> OutcomeTable:
        """These pairs on the prompts that any of them answered. Raises `OutcomesUnusable`."""
        chosen = self.only(pairs)
        return chosen.rows(np.flatnonzero(~np.isnan(chosen.scores).all(axis=1)))

    def column(self, pair: str) -> int:
        if pair not in self.pairs:
            raise OutcomesUnusable(
                f"no outcomes of {pair!r}; there are outcomes of {', '.join(self.pairs)}"
            )
        return self.pairs.index(pair)


def counted(*said: tuple[int, str]) -> tuple[str, ...]:
    """A note of each thing that did occur, with how often."""
    return tuple(f"{count} {what}" for count, what in said if count)


def joined(tables: Sequence[OutcomeTable]) -> OutcomeTable:
    """All rows of all tables; a pair that a table does not have was not asked there."""
    pairs = tuple(dict.fromkeys(pair for table in tables for pair in table.pairs))
    return OutcomeTable(
        prompts=tuple(prompt for table in tables for prompt in table.prompts),
        kinds=tuple(kind for table in tables for kind in table.kinds),
        pairs=pairs,
        scores=np.vstack([_spread(table, table.scores, pairs) for table in tables]),
        answer_chars=np.vstack([_spread(table, table.answer_chars, pairs) for table in tables]),
        notes=tuple(note for table in tables for note in table.notes),
        data=tuple(entry for table in tables for entry in table.data),
    )


def merged(tables: Sequence[OutcomeTable]) -> OutcomeTable:
    """One row for a prompt that several tables have: pairs are compared on the same prompts.

    Where several score the same pair their mean counts. A prompt that one table has twice keeps
    two rows, the first of which is merged with the first of another table.
    """
    whole = joined(tables)
    row_of: dict[tuple[str, int], int] = {}
    rows: list[int] = []
    for table in tables:
        before: Counter[str] = Counter()
        for prompt in table.prompts:
            rows.append(row_of.setdefault((prompt, before[prompt]), len(row_of)))
            before[prompt] += 1
    kinds = [NO_KIND] * len(row_of)
    for row, kind in zip(rows, whole.kinds, strict=True):
        kinds[row] = kind if kinds[row] == NO_KIND else kinds[row]
    scores, given = mean_by_row(whole.scores, rows)
    again = "prompts have scores of one pair in several files; the mean counts"
    return replace(
        whole,
        prompts=tuple(prompt for prompt, _ in row_of),
        kinds=tuple(kinds),
        scores=scores,
        answer_chars=mean_by_row(whole.answer_chars, rows)[0],
        notes=(*whole.notes, *counted((int((given > 1).sum()), again))),
    )


def one_row_per_prompt(table: OutcomeTable) -> OutcomeTable:
    """Puts rows of the same text together, unless a pair was asked it twice."""
    asked = ~np.isnan(table.scores)
    rows_of: dict[str, list[int]] = {}
    into = np.arange(len(table))
    for row, prompt in enumerate(table.prompts):
        others = rows_of.setdefault(prompt, [])
        free = (other for other in others if not (asked[other] & asked[row]).any())
        into[row] = next(free, row)
        asked[into[row]] |= asked[row]
        if into[row] == row:
            others.append(row)
    kept, rows = np.unique(into, return_inverse=True)
    moved = "rows put to others of the same prompt, answered by other pairs"
    return replace(
        table.rows(kept),
        scores=mean_by_row(table.scores, rows)[0],
        answer_chars=mean_by_row(table.answer_chars, rows)[0],
        notes=(*table.notes, *counted((len(table) - len(kept), moved))),
    )


def mean_by_row(values: Floats, rows: Sequence[int] | Ints) -> tuple[Floats, Ints]:
    """`rows` number the row of the result that each row of `values` is part of.

    Returns the mean of what is known in each cell, and of how many values it is.
    """
    into = np.asarray(rows, np.int64)
    shape = int(into.max(initial=-1)) + 1, values.shape[1]
    total, count = np.zeros(shape), np.zeros(shape, np.int64)
    np.add.at(total, into, np.nan_to_num(values))
    np.add.at(count, into, ~np.isnan(values))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan), count


def _spread(table: OutcomeTable, values: Floats, pairs: Sequence[str]) -> Floats:
    wide = np.full((len(table), len(pairs)), np.nan)
    wide[:, [pairs.index(pair) for pair in table.pairs]] = values
    return wide
