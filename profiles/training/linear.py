"""The linear parts of a success model, and the terms that they know.

Factors by ridge regression, kinds by naive Bayes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from scipy import sparse
from scipy.special import softmax
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge

from profiles.training.arrays import Singles, singles
from profiles.training.outcomes import OutcomesUnusable
from serve_app.classifier.term_index import Terms, pair_keys

RIDGE = 5.0
KIND_SMOOTHING = 0.05
KIND_SHARPNESS = 6.0
# Prompts that a kind's mean factors are pulled towards the overall mean by.
KIND_PULL = 10.0
Term = TypeVar("Term", str, int)

LEAST_PROMPTS = 2
MOST_WORDS = 30_000
MOST_PAIRS = 70_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearParts:
    """Weights as `model_file.Arrays` names them."""

    trait_weights: Singles
    kind_weights: Singles
    kind_prior: Singles
    kind_traits: Singles

    def kinds(self, terms: sparse.csr_matrix) -> Singles:
        """How likely each kind is, one row per prompt."""
        scores = terms[:, : len(self.kind_weights)] @ self.kind_weights + self.kind_prior
        return singles(softmax(scores, axis=1))

    def features(self, terms: sparse.csr_matrix) -> Singles:
        """Factors, mean factors of the likely kinds, and how sure the likeliest is."""
        shares = self.kinds(terms)
        factors = singles(terms @ self.trait_weights)
        return np.hstack((factors, shares @ self.kind_traits, shares.max(axis=1, keepdims=True)))


def fit_linear(
    terms: sparse.csr_matrix, latent_factors: Singles, kinds: Singles, *, words: int
) -> LinearParts:
    """`kinds` is one-hot; only the first `words` terms, single words, tell kinds apart."""
    counts = np.asarray(terms[:, :words].T @ kinds) + KIND_SMOOTHING
    likelihood = np.log(counts / counts.sum(axis=0))
    share = kinds.mean(axis=0)
    ridge = Ridge(alpha=RIDGE, fit_intercept=False, solver="sparse_cg")
    pulled = (kinds.T @ latent_factors) / (kinds.sum(axis=0)[:, None] + KIND_PULL)
    return LinearParts(
        trait_weights=singles(ridge.fit(terms, latent_factors).coef_.T),
        kind_weights=singles(
            KIND_SHARPNESS * (likelihood - likelihood.mean(axis=1, keepdims=True))
        ),
        kind_prior=singles(np.log(share + 1e-6)),
        kind_traits=singles(pulled),
    )


def choose_terms(prompts: Sequence[Sequence[str]]) -> Terms:
    """The words, then the pairs of such words, that the most prompts have.

    Raises `OutcomesUnusable` where no two prompts share a word.
    """
    words, words_idf = _most_frequent(prompts, MOST_WORDS)
    if len(words) == 0:
        raise OutcomesUnusable("no two prompts share a word: there is nothing to learn from")
    alone = Terms(words=tuple(words), pairs=np.empty(0, np.int64), idf=words_idf)
    neighbours = [pair_keys(alone.known(prompt)).tolist() for prompt in prompts]
    pairs, pairs_idf = _most_frequent(neighbours, MOST_PAIRS)
    return Terms(
        words=alone.words,
        pairs=np.array(pairs, np.int64),
        idf=np.concatenate((words_idf, pairs_idf)),
    )


def _most_frequent(prompts: Sequence[Sequence[Term]], most: int) -> tuple[Sequence[Term], Singles]:
    """The terms that the most prompts have, in ascending order, and their IDF."""
    # Each term counts once in a prompt, so that the most frequent are those of the most prompts.
    found = TfidfVectorizer(analyzer=set, min_df=LEAST_PROMPTS, max_features=most)
    try:
        found.fit(prompts)
    except ValueError:
        # scikit-learn refuses a vocabulary without terms: no two prompts share one.
        return [], np.empty(0, np.float32)
    return found.get_feature_names_out(), singles(found.idf_)


def weight_matrix(terms: Terms, prompts: Sequence[Sequence[str]]) -> sparse.csr_matrix:
    """TF-IDF weights, one row per prompt, exactly as serving computes them."""
    rows = [terms.weighted(terms.known(words)) for words in prompts]
    starts = np.concatenate(([0], np.cumsum([len(found) for found, _ in rows])))
    columns = np.concatenate([found for found, _ in rows])
    weights: Singles = np.concatenate([weights for _, weights in rows])
    return sparse.csr_matrix((weights, columns, starts), shape=(len(rows), len(terms.idf)))
