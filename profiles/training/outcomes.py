"""Graded answers as a table: one row per prompt, one column per pair; of one file or several."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

NO_KIND = "any"
CHARS_PER_TOKEN = 4.0
BETWEEN_WORDS = re.compile(r"\W+")
Rows = npt.NDArray[np.int64]


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

    def column(self, pair: str) -> int:
        if pair not in self.pairs:
            raise OutcomesUnusable(
                f"no outcomes of {pair!r}; there are outcomes of {', '.join(self.pairs)}"
            )
        return self.pairs.index(pair)


def joined(tables: Sequence[OutcomeTable]) -> OutcomeTable:
    """All rows of all tables; a pair that a table does not have was not asked there."""
    pairs = _all_pairs(tables)
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
    pairs, kinds, rows = _all_pairs(tables), list[str](), list[Rows]()
    row_of: dict[tuple[str, int], int] = {}
    for table in tables:
        keys = _numbered(table.prompts)
        rows.append(np.array([row_of.setdefault(key, len(row_of)) for key in keys], np.int64))
        kinds += [NO_KIND] * (len(row_of) - len(kinds))
        for row, kind in zip(rows[-1], table.kinds, strict=True):
            if kinds[row] == NO_KIND:
                kinds[row] = kind
    scores, given = _means([_spread(t, t.scores, pairs) for t in tables], rows)
    chars, _ = _means([_spread(t, t.answer_chars, pairs) for t in tables], rows)
    again = int((given > 1).sum())
    said = f"{again} prompts have scores of one pair in several files; the mean counts"
    return OutcomeTable(
        prompts=tuple(prompt for prompt, _ in row_of),
        kinds=tuple(kinds),
        pairs=pairs,
        scores=scores,
        answer_chars=chars,
        notes=(*(note for table in tables for note in table.notes), *((said,) if again else ())),
        data=tuple(entry for table in tables for entry in table.data),
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
    moved = np.flatnonzero(into != np.arange(len(table)))
    if len(moved) == 0:
        return table
    scores, chars = table.scores.copy(), table.answer_chars.copy()
    for row in moved:
        for values in (scores, chars):
            values[into[row]] = np.fmax(values[into[row]], values[row])
    note = f"{len(moved)} rows put to others of the same prompt, answered by other pairs"
    whole = replace(table, scores=scores, answer_chars=chars, notes=(*table.notes, note))
    return whole.rows(np.setdiff1d(np.arange(len(table)), moved))


def _all_pairs(tables: Sequence[OutcomeTable]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(pair for table in tables for pair in table.pairs))


def _numbered(prompts: Sequence[str]) -> list[tuple[str, int]]:
    """Each prompt with how often it stood before."""
    seen: Counter[str] = Counter()
    keys = []
    for prompt in prompts:
        keys.append((prompt, seen[prompt]))
        seen[prompt] += 1
    return keys


def _means(values: Sequence[Floats], rows: Sequence[Rows]) -> tuple[Floats, Rows]:
    """In each cell the mean of what is known, and of how many values it is."""
    shape = 1 + max(int(at.max()) for at in rows), values[0].shape[1]
    total, count = np.zeros(shape), np.zeros(shape, np.int64)
    for wide, at in zip(values, rows, strict=True):
        total[at] += np.nan_to_num(wide)
        count[at] += ~np.isnan(wide)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan), count


def _spread(table: OutcomeTable, values: Floats, pairs: Sequence[str]) -> Floats:
    wide = np.full((len(table), len(pairs)), np.nan)
    wide[:, [pairs.index(pair) for pair in table.pairs]] = values
    return wide
