"""Routers that a success model is compared with, on the same prompts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from profiles.learning.outcome_table import OutcomeTable

Floats = npt.NDArray[np.float64]

NEIGHBOURS = 50


def tfidf_logistic(train: OutcomeTable, test: OutcomeTable) -> Floats:
    """TF-IDF of words and pairs of words, one logistic regression per pair."""
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    known = vectorizer.fit_transform(train.prompts).tocsr()
    asked = vectorizer.transform(test.prompts).tocsr()
    columns = range(len(train.pairs))
    return np.column_stack([_logistic(known, train.scores[:, at], asked) for at in columns])


def nearest_neighbours(
    train: OutcomeTable, known: npt.NDArray[np.float32], asked: npt.NDArray[np.float32]
) -> Floats:
    """The mean scores of the nearest prompts, by the cosine of their embeddings."""
    scores = train.filled
    count = min(NEIGHBOURS, len(known))
    predicted = np.empty((len(asked), scores.shape[1]))
    for row, vector in enumerate(asked):
        nearest = np.argpartition(-(known @ vector), count - 1)[:count]
        predicted[row] = scores[nearest].mean(axis=0)
    return predicted


def random_guess(train: OutcomeTable, test: OutcomeTable, *, seed: int) -> Floats:
    """Chances drawn by lot."""
    return np.random.default_rng(seed).random((len(test), len(train.pairs)))


def always(train: OutcomeTable, test: OutcomeTable, column: int) -> Floats:
    """Says that one pair is right and the others wrong."""
    certain = np.zeros((len(test), len(train.pairs)))
    certain[:, column] = 1.0
    return certain


def _logistic(known: sparse.csr_matrix, scores: Floats, asked: sparse.csr_matrix) -> Floats:
    """A score of 0.7 counts as a right answer seven tenths and a wrong one three tenths."""
    rows = np.flatnonzero(~np.isnan(scores))
    right = scores[rows]
    if right.min() == right.max():
        return np.full(asked.shape[0], right[0])
    weights = np.concatenate((right, 1 - right))
    used = weights > 0
    labels = np.repeat([1, 0], len(rows))[used]
    model = LogisticRegression(max_iter=300)
    model.fit(known[np.tile(rows, 2)[used]], labels, sample_weight=weights[used])
    return np.asarray(model.predict_proba(asked)[:, 1])
