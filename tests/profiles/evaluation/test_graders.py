from __future__ import annotations

import pytest

from profiles.evaluation.graders import GRADERS

CASES = [
    ("exact", "Paris.", "paris", 1),
    ("exact", "It is Paris", "paris", 0),
    ("exact", '"Colour"', "color|colour", 1),
    ("leading", "Yes, it is.", "yes", 1),
    ("leading", "**No.** Bats are mammals.", "no", 1),
    ("leading", "Not at all", "no", 0),
    ("leading", "I would say yes", "yes", 0),
    ("contains", "The capital of France is Paris.", "Paris", 1),
    ("contains", "He is a Parisian.", "Paris", 0),
    ("contains", "About seven days", "7|seven", 1),
    ("contains", "There are 17", "7|seven", 0),
    ("choice", "B", "B", 1),
    ("choice", "(B) Rome", "B", 1),
    ("choice", "B) Rome, because A) is wrong", "B", 1),
    ("choice", "The correct answer is: C", "C", 1),
    ("choice", "A) Hammer\n\nThe correct answer is C) Chair", "A", 0),
    ("choice", "A bird can fly", "A", 0),
    ("choice", "A", "B", 0),
    ("choice", "", "B", 0),
    ("number", "2 + 3 = 5", "5", 1),
    ("number", "The answer is 1,250.", "1250", 1),
    ("number", "First 3 + 4 = 7.\nThen 7 - 2 = 5.", "5", 1),
    ("number", "15", "5", 0),
    ("number", "about 3.15", "3.14±0.02", 1),
    ("number", "about 3.2", "3.14±0.02", 0),
    ("number", "-4", "-4", 1),
    ("number", "7-4=3", "3", 1),
    ("number", "five", "5", 0),
    ("regex", "PRINT('hello')", r"print\(", 1),
    ("regex", "echo hello", r"print\(", 0),
    ("token_f1", "the old bridge", "the old bridge", 1),
    ("token_f1", "the bridge", "the old stone bridge", 2 / 3),
    ("token_f1", "", "bridge", 0),
]


@pytest.mark.parametrize(("grader", "answer", "reference", "score"), CASES)
def test_an_answer_gets_the_score_a_person_would_give(
    grader: str, answer: str, reference: str, score: float
) -> None:
    assert GRADERS[grader](answer, reference) == pytest.approx(score)


def test_every_grader_is_tried_with_a_right_and_a_wrong_answer() -> None:
    tried = {(grader, score in (0, 0.0)) for grader, _, _, score in CASES}
    assert tried == {(grader, wrong) for grader in GRADERS for wrong in (True, False)}


@pytest.mark.parametrize(
    ("grader", "reference"),
    [("choice", "Rome"), ("number", "five"), ("regex", "("), ("token_f1", "?!")],
)
def test_a_reference_the_grader_cannot_compare_with_is_refused(grader: str, reference: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        GRADERS[grader]("some answer", reference)
