"""The linear parts of a success model, and the terms that they know.

Traits by ridge regression, kinds by naive Bayes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from scipy import sparse

from serve_app.classifier.term_index import Terms, pair_keys

Floats = npt.NDArray[np.float32]

RIDGE = 5.0
RIDGE_STEPS = 30
KIND_SMOOTHING = 0.05
KIND_SHARPNESS = 6.0
# Prompts that a kind's mean traits are pulled towards the overall mean by.
KIND_PULL = 10.0
TINY = 1e-12
Term = TypeVar("Term", str, int)

LEAST_PROMPTS = 2
MOST_WORDS = 30_000
MOST_PAIRS = 70_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearParts:
    """Weights as `model_file.Arrays` names them."""

    trait_weights: Floats
    kind_weights: Floats
    kind_prior: Floats
    kind_traits: Floats

    def traits(self, terms: sparse.csr_matrix) -> Floats:
        return np.asarray(terms @ self.trait_weights, np.float32)

    def kinds(self, terms: sparse.csr_matrix) -> Floats:
        """How likely each kind is, one row per prompt."""
        scores = terms[:, : len(self.kind_weights)] @ self.kind_weights + self.kind_prior
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)

    def features(self, terms: sparse.csr_matrix) -> Floats:
        """Traits, mean traits of the likely kinds, and how sure the likeliest is."""
        shares = self.kinds(terms)
        return np.hstack(
            (self.traits(terms), shares @ self.kind_traits, shares.max(axis=1, keepdims=True))
        )


def fit_linear(
    terms: sparse.csr_matrix, traits: Floats, kinds: Floats, *, words: int
) -> LinearParts:
    """`kinds` is one-hot; only the first `words` terms, single words, tell kinds apart."""
    counts = np.asarray(terms[:, :words].T @ kinds) + KIND_SMOOTHING
    likelihood = np.log(counts / counts.sum(axis=0))
    share = kinds.mean(axis=0)
    pulled = (kinds.T @ traits) / (kinds.sum(axis=0)[:, None] + KIND_PULL)
    return LinearParts(
        trait_weights=ridge(terms, traits, strength=RIDGE, steps=RIDGE_STEPS),
        kind_weights=_f32(KIND_SHARPNESS * (likelihood - likelihood.mean(axis=1, keepdims=True))),
        kind_prior=_f32(np.log(share + 1e-6)),
        kind_traits=_f32(pulled),
    )


def ridge(features: sparse.csr_matrix, targets: Floats, *, strength: float, steps: int) -> Floats:
    """Least squares with a penalty on large weights, by conjugate gradients, all targets at once.

    Each target has a mean of zero: there is no intercept.
    """
    transposed = features.T.tocsr()
    residual = np.asarray(transposed @ targets, np.float64)
    weights = np.zeros_like(residual)
    direction = residual.copy()
    size = (residual**2).sum(axis=0)
    for _ in range(steps):
        image = transposed @ (features @ direction) + strength * direction
        step = size / ((direction * image).sum(axis=0) + TINY)
        weights += step * direction
        residual -= step * image
        new_size = (residual**2).sum(axis=0)
        direction = residual + direction * (new_size / (size + TINY))
        size = new_size
    return _f32(weights)


def _f32(values: npt.NDArray[np.float64]) -> Floats:
    return values.astype(np.float32)


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
