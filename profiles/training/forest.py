"""Grows the forest of a success model and writes it down as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestRegressor

from profiles.training.arrays import Singles
from serve_app.classifier.forest import Forest

TREES = 100
LEAST_PROMPTS_IN_LEAF = 20
# Every level costs a step of every prompt served.
DEEPEST = 12
FEATURE_SHARE = 0.25
PROMPT_SHARE = 0.6


def grow(features: Singles, latent_factors: Singles, *, seed: int) -> RandomForestRegressor:
    """Every tree predicts all factors: they share what makes prompts differ."""
    forest = RandomForestRegressor(
        TREES,
        max_depth=DEEPEST,
        min_samples_leaf=LEAST_PROMPTS_IN_LEAF,
        max_features=FEATURE_SHARE,
        max_samples=PROMPT_SHARE,
        random_state=seed,
        n_jobs=1,
    )
    return forest.fit(features, latent_factors)


def as_arrays(grown: RandomForestRegressor) -> Forest:
    trees: Sequence[Any] = [estimator.tree_ for estimator in grown.estimators_]
    sizes = [tree.node_count for tree in trees]
    roots = np.concatenate(([0], np.cumsum(sizes)[:-1])).astype(np.int32)
    itself = np.arange(sum(sizes), dtype=np.int32)
    is_leaf = np.concatenate([tree.children_left for tree in trees]) < 0
    values = np.concatenate([tree.value[:, :, 0] for tree in trees])
    root_of = np.repeat(roots, sizes)
    left = np.concatenate([tree.children_left for tree in trees]) + root_of
    right = np.concatenate([tree.children_right for tree in trees]) + root_of
    return Forest(
        roots=roots,
        feature=np.where(is_leaf, 0, np.concatenate([tree.feature for tree in trees])).astype(
            np.int16
        ),
        threshold=np.concatenate([tree.threshold for tree in trees]).astype(np.float32),
        left=np.where(is_leaf, itself, left).astype(np.int32),
        right=np.where(is_leaf, itself, right).astype(np.int32),
        leaf=np.where(is_leaf, np.cumsum(is_leaf) - 1, 0).astype(np.int32),
        values=values[is_leaf].astype(np.float32),
        depth=max(tree.max_depth for tree in trees),
    )
