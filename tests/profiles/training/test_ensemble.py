from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from profiles.training.forest import as_arrays, grow
from profiles.training.linear import choose_terms, ridge, weight_matrix


def test_the_forest_as_arrays_says_what_the_forest_grown_says() -> None:
    random = np.random.default_rng(0)
    features = random.normal(size=(400, 6)).astype(np.float32)
    targets = np.column_stack((features[:, 0] > 0, features[:, 1])).astype(np.float32)
    grown = grow(features, targets, seed=1)
    forest = as_arrays(grown)
    unseen = random.normal(size=(50, 6)).astype(np.float32)
    said = np.array([forest.each_tree(row).mean(axis=0) for row in unseen])
    assert said == pytest.approx(grown.predict(unseen), abs=1e-5)


def test_ridge_weights_are_those_of_the_closed_form() -> None:
    random = np.random.default_rng(0)
    features = random.normal(size=(60, 8))
    targets = random.normal(size=(60, 2)).astype(np.float32)
    exact = np.linalg.solve(features.T @ features + 2.0 * np.eye(8), features.T @ targets)
    found = ridge(sparse.csr_matrix(features), targets, strength=2.0, steps=40)
    assert found == pytest.approx(exact, abs=1e-4)


def test_terms_are_words_and_neighbours_that_more_than_one_prompt_has() -> None:
    terms = choose_terms([["red", "car"], ["red", "car", "blue"], ["car", "green"]])
    assert set(terms.words) == {"red", "car"}
    assert len(terms.pairs) == 1


def test_rarer_terms_weigh_more_and_rows_have_length_one() -> None:
    prompts = [["red", "car"], ["red", "sky"], ["red", "car"], ["red"]]
    terms = choose_terms(prompts)
    row = weight_matrix(terms, prompts).toarray()[0]
    assert np.linalg.norm(row) == pytest.approx(1.0, abs=1e-6)
    assert row[terms.words.index("car")] > row[terms.words.index("red")]


def test_a_prompt_of_unknown_words_has_no_weights() -> None:
    terms = choose_terms([["red", "car"], ["red", "car"]])
    found, weights = terms.weighted(terms.known(["moon", "sun"]))
    assert len(found) == len(weights) == 0
    assert terms.known([]).tolist() == []
