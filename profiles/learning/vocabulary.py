"""Chooses the terms that a success model knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from scipy import sparse

from serve_app.adapters.success_terms import Floats, Terms, pair_keys

Term = TypeVar("Term", str, int)

LEAST_PROMPTS = 2
MOST_WORDS = 30_000
MOST_PAIRS = 70_000


def choose_terms(prompts: Sequence[Sequence[str]]) -> Terms:
    """The words, then the pairs of such words, that the most prompts have."""
    has_word = Counter(word for words in prompts for word in sorted(set(words)))
    words = tuple(_most_frequent(has_word, MOST_WORDS))
    alone = Terms(words=words, pairs=np.empty(0, np.int64), idf=np.ones(len(words), np.float32))
    has_pair: Counter[int] = Counter()
    for prompt in prompts:
        has_pair.update(set(pair_keys(alone.known(prompt)).tolist()))
    pairs = sorted(_most_frequent(has_pair, MOST_PAIRS))
    counts = np.array([has_word[word] for word in words] + [has_pair[pair] for pair in pairs])
    idf = 1.0 + np.log((1 + len(prompts)) / (1 + counts))
    return Terms(words=words, pairs=np.array(pairs, np.int64), idf=idf.astype(np.float32))


def _most_frequent(counts: Counter[Term], most: int) -> list[Term]:
    known = [term for term, count in counts.most_common() if count >= LEAST_PROMPTS]
    return known[:most]


def weight_matrix(terms: Terms, prompts: Sequence[Sequence[str]]) -> sparse.csr_matrix:
    """TF-IDF weights, one row per prompt, exactly as serving computes them."""
    rows = [terms.weighted(terms.known(words)) for words in prompts]
    starts = np.concatenate(([0], np.cumsum([len(found) for found, _ in rows])))
    columns = np.concatenate([found for found, _ in rows])
    weights: Floats = np.concatenate([weights for _, weights in rows])
    return sparse.csr_matrix((weights, columns, starts), shape=(len(rows), len(terms.idf)))
