"""The two readers of a prompt, linear and forest, and how far each of them is believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from sklearn.linear_model import LinearRegression

from profiles.training import forest
from profiles.training.arrays import Floats, Ints, Singles
from profiles.training.folds import folds
from profiles.training.linear import LinearParts, fit_linear, weight_matrix
from profiles.training.outcomes import OutcomeTable
from serve_app.classifier.forest import Forest
from serve_app.classifier.term_index import Terms
from serve_app.classifier.text_features import Reading

INNER_FOLDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptFeatures:
    """Prompts as both readers want them; `kinds` is one-hot, `same` is equal for repeats."""

    terms: sparse.csr_matrix
    words: int
    shape: Singles
    kinds: Singles
    same: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensemble:
    """Both fitted to all prompts; a factor is `blend` (2, factors) of what they say, plus `offset`.

    `unseen` (prompts, factors) is that blend by readers which had not seen the prompt, and
    `likely_kinds` the kinds which such readers took it for.
    """

    linear: LinearParts
    forest: Forest
    blend: Floats
    offset: Floats
    unseen: Floats
    likely_kinds: Ints


def features_of(
    table: OutcomeTable, terms: Terms, readings: Sequence[Reading], kinds: Sequence[str]
) -> PromptFeatures:
    of_kind = [kinds.index(kind) for kind in table.kinds]
    return PromptFeatures(
        terms=weight_matrix(terms, [reading.words for reading in readings]),
        words=len(terms.words),
        shape=np.array([reading.shape for reading in readings], np.float32),
        kinds=np.eye(len(kinds), dtype=np.float32)[of_kind],
        same=table.same_prompt,
    )


def fit_ensemble(prompts: PromptFeatures, latent_factors: Floats, *, seed: int) -> Ensemble:
    """The forest reads the linear part's predictions for prompts that part has not seen.

    So it learns how far to trust it. Both are blended per factor so that they come nearest to the
    truth on unseen prompts. Factors that text cannot predict get weights near zero.
    """
    targets = latent_factors.astype(np.float32)
    splits = folds(prompts.same, count=INNER_FOLDS, seed=seed)
    read = np.empty((len(targets), 2 * targets.shape[1] + 1), np.float32)
    likely = np.empty(len(targets), np.int64)
    for split in splits:
        part = _linear(prompts, targets, split.train)
        read[split.test] = part.features(prompts.terms[split.test])
        likely[split.test] = part.kinds(prompts.terms[split.test]).argmax(axis=1)
    features = np.hstack((prompts.shape, read))
    grown = np.empty_like(targets)
    for split in splits:
        trees = forest.grow(features[split.train], targets[split.train], seed=seed)
        grown[split.test] = trees.predict(features[split.test]).reshape(len(split.test), -1)
    linear = read[:, : targets.shape[1]]
    fitted = [
        LinearRegression().fit(np.column_stack(said), target)
        for *said, target in zip(linear.T, grown.T, latent_factors.T, strict=True)
    ]
    blend = np.column_stack([one.coef_ for one in fitted])
    offset = np.array([one.intercept_ for one in fitted])
    return Ensemble(
        linear=_linear(prompts, targets, np.arange(len(targets))),
        forest=forest.as_arrays(forest.grow(features, targets, seed=seed)),
        blend=blend,
        offset=offset,
        unseen=blend[0] * linear + blend[1] * grown + offset,
        likely_kinds=likely,
    )


def _linear(prompts: PromptFeatures, targets: Singles, rows: Ints) -> LinearParts:
    centred = targets[rows] - targets[rows].mean(axis=0)
    return fit_linear(prompts.terms[rows], centred, prompts.kinds[rows], words=prompts.words)
