from __future__ import annotations

import numpy as np

from profiles.training.linear import choose_terms, weight_matrix
from profiles.training.task_model import fit_tasks

ASKED = {
    "translation": ["put", "the", "letter", "into", "french", "please"],
    "summarization": ["give", "the", "gist", "of", "the", "letter", "please"],
    "trivia": ["who", "wrote", "the", "letter", "please"],
}


def likeliest(kinds: list[str], asked: str) -> str | None:
    """The task that a reader taught by prompts of `kinds` takes a prompt for."""
    terms = choose_terms([ASKED[kind] for kind in kinds])
    words = len(terms.words)
    reader = fit_tasks(weight_matrix(terms, [ASKED[k] for k in kinds]), kinds, words=words)
    if not reader.tasks:
        return None
    row = weight_matrix(terms, [ASKED[asked]]).toarray()[0, :words]
    return reader.tasks[int(np.argmax(row @ reader.task_weights + reader.task_prior))]


def test_tasks_are_told_by_the_words_that_ask_for_them() -> None:
    kinds = ["translation"] * 30 + ["summarization"] * 30
    assert likeliest(kinds, "translation") == "translation"
    assert likeliest(kinds, "summarization") == "summarization"


def test_a_task_that_is_seldom_graded_is_told_as_well() -> None:
    kinds = ["translation"] * 400 + ["summarization"] * 20
    assert likeliest(kinds, "summarization") == "summarization"


def test_kinds_that_are_no_tasks_teach_none() -> None:
    assert likeliest(["trivia"] * 30 + ["translation"] * 30, "translation") is None


def test_a_task_of_too_few_prompts_is_not_told() -> None:
    assert likeliest(["translation"] * 30 + ["summarization"] * 19, "translation") is None
