from __future__ import annotations

from collections import Counter

import pytest

from profiles.evaluation import Item, read_items
from profiles.evaluation.graders import GRADERS
from tests.paths import REPOSITORY

STARTER = REPOSITORY / "profiles" / "golden" / "starter.jsonl"
ITEMS = read_items(STARTER)


def score(item: Item, answer: str) -> float:
    return GRADERS[item.grader](answer, item.reference)


def right_answer(item: Item) -> str:
    return item.example or item.reference.split("|")[0]


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.id)
def test_a_right_answer_is_graded_right_and_a_wrong_one_wrong(item: Item) -> None:
    assert score(item, right_answer(item)) == 1.0
    assert score(item, "I cannot tell.") == 0.0
    assert score(item, "") == 0.0


# The other questions name their answer among others, and cannot tell an echo from an answer.
UNNAMED = [item for item in ITEMS if item.task == "code" and item.grader == "regex"]


@pytest.mark.parametrize("item", UNNAMED, ids=lambda item: item.id)
def test_code_is_not_found_in_the_question_that_asks_for_it(item: Item) -> None:
    assert score(item, item.messages[-1].content) == 0.0


def test_no_question_is_put_twice() -> None:
    questions = Counter(item.messages for item in ITEMS)
    assert [question for question, count in questions.items() if count > 1] == []


def test_every_task_has_enough_items_to_tell_pairs_apart() -> None:
    per_task = Counter(item.task for item in ITEMS)
    assert len(per_task) == 8
    assert min(per_task.values()) >= 20
    assert len(ITEMS) >= 160


def test_easy_and_moderate_questions_are_both_there() -> None:
    difficulties = [item.difficulty for item in ITEMS if item.difficulty is not None]
    assert len(difficulties) == len(ITEMS)
    assert min(difficulties) <= 0.05
    assert max(difficulties) >= 0.4
