"""The terms a success model knows, single words and pairs of neighbours, and their weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

# A pair of words is one number: the first word's, times this, plus the second's.
PAIR_BASE = 1 << 24


class _Numbers(dict[str, int]):
    """The number of each known word, and -1 for any other."""

    def __missing__(self, word: str) -> int:
        return -1


@dataclass(frozen=True, kw_only=True)
class Terms:
    """`words` in the order of their numbers; `pairs` are sorted keys; `idf` is of both, in order.

    Terms are numbered words first, then pairs.
    """

    words: tuple[str, ...]
    pairs: Ints
    idf: Floats

    @cached_property
    def _numbers(self) -> _Numbers:
        return _Numbers((word, number) for number, word in enumerate(self.words))

    def known(self, words: Sequence[str]) -> Ints:
        """The number of each word, -1 for one that is not known."""
        # One call looks all words up; a loop in Python would take as long as all the rest.
        look_up = itemgetter(*words) if len(words) > 1 else None
        found = look_up(self._numbers) if look_up else [self._numbers[word] for word in words]
        return np.array(found, np.int64)

    def weighted(self, found: Ints) -> tuple[Ints, Floats]:
        """The terms in words numbered `found`, ascending, and their TF-IDF weights.

        The weights are a vector of length one, or empty.
        """
        words, word_counts = _counted(found[found >= 0])
        # Searching in order stays near in memory: that halves the time.
        keys, key_counts = _counted(pair_keys(found))
        at = self.pairs.searchsorted(keys)
        known = self.pairs.take(at, mode="clip") == keys if len(self.pairs) else at < 0
        terms = np.concatenate((words, at[known] + len(self.words)))
        counts = np.concatenate((word_counts, key_counts[known]))
        weights = (1.0 + np.log(counts)) * self.idf.take(terms)
        norm = float(np.sqrt(np.dot(weights, weights))) or 1.0
        return terms, (weights / norm).astype(np.float32)


def _counted(numbers: Ints) -> tuple[Ints, Ints]:
    """Each different number, ascending, and how often it is there."""
    # What numpy.unique does, in two thirds of its time: it is general, and a text is short.
    ordered = np.sort(numbers)
    is_edge = np.ones(len(ordered) + 1, np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=is_edge[1:-1])
    edges = is_edge.nonzero()[0]
    return ordered[edges[:-1]], edges[1:] - edges[:-1]


def pair_keys(found: Ints) -> Ints:
    """A key for each two neighbours that are both known."""
    first, second = found[:-1], found[1:]
    keys: Ints = first * PAIR_BASE + second
    return keys[np.minimum(first, second) >= 0]
