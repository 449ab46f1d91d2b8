from __future__ import annotations

import numpy as np
import pytest

from profiles.training.forest import as_arrays, grow
from profiles.training.linear import choose_terms, weight_matrix
from profiles.training.outcomes import OutcomesUnusable


def test_the_forest_as_arrays_says_what_the_forest_grown_says() -> None:
    random = np.random.default_rng(0)
    features = random.normal(size=(400, 6)).astype(np.float32)
    targets = np.column_stack((features[:, 0] > 0, features[:, 1])).astype(np.float32)
    grown = grow(features, targets, seed=1)
    forest = as_arrays(grown)
    unseen = random.normal(size=(50, 6)).astype(np.float32)
    said = np.array([forest.each_tree(row).mean(axis=0) for row in unseen])
    assert said == pytest.approx(grown.predict(unseen), abs=1e-5)


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


def test_prompts_that_share_no_neighbours_have_no_pairs() -> None:
    terms = choose_terms([["red"], ["blue"], ["red", "blue"]])
    assert (set(terms.words), len(terms.pairs), len(terms.idf)) == ({"red", "blue"}, 0, 2)


def test_prompts_that_share_no_word_are_refused() -> None:
    with pytest.raises(OutcomesUnusable, match="no two prompts share a word"):
        choose_terms([["red"], ["blue"]])
