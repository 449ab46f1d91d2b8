from __future__ import annotations

import json
import re
from collections import Counter
from contextlib import redirect_stdout
from io import StringIO
from typing import get_args

import pytest

from profiles.evaluation import Item, read_items
from profiles.evaluation.graders import GRADERS
from serve_app.core.request import Task
from tests.paths import REPOSITORY

GOLDEN = REPOSITORY / "profiles" / "golden"
STARTER = GOLDEN / "starter.jsonl"
README = (GOLDEN / "README.md").read_text(encoding="utf-8")
ITEMS = read_items(STARTER)
LINES = [json.loads(line) for line in STARTER.read_text(encoding="utf-8").splitlines()]

LONGEST_QUESTION_CHARS = 1500
LONGEST_ANSWER_TOKENS = 160


def score(item: Item, answer: str) -> float:
    return GRADERS[item.grader](answer, item.reference)


def right_answer(item: Item) -> str:
    return item.example or item.reference.split("|")[0]


def asked(item: Item) -> str:
    return item.messages[-1].content


def named(items: list[Item]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("item", items, ids=lambda item: item.id)


@named(list(ITEMS))
def test_a_right_answer_is_graded_right_and_a_wrong_one_wrong(item: Item) -> None:
    assert score(item, right_answer(item)) == 1.0
    assert score(item, "I cannot tell.") == 0.0
    assert score(item, "") == 0.0


# The other questions name their answer among others, and cannot tell an echo from an answer.
UNNAMED = [item for item in ITEMS if item.task == "code" and item.grader == "regex"]


@named(UNNAMED)
def test_code_is_not_found_in_the_question_that_asks_for_it(item: Item) -> None:
    assert score(item, asked(item)) == 0.0


PROGRAMS = [item for item in ITEMS if asked(item).endswith("\n\nAnswer with the output only.")]


@named(PROGRAMS)
def test_what_a_program_is_said_to_print_is_what_it_prints(item: Item) -> None:
    _, program = asked(item).split("\n\n", maxsplit=1)
    printed = StringIO()
    with redirect_stdout(printed):
        exec(program.rsplit("\n\n", maxsplit=1)[0], {})
    assert score(item, printed.getvalue()) == 1.0


FORMULA = re.compile(r"What is ([\d .()+\-x/]+)\? Answer with the number only\.")
SUMS = [item for item in ITEMS if FORMULA.fullmatch(asked(item))]


@named(SUMS)
def test_a_formula_has_the_value_given_as_its_answer(item: Item) -> None:
    found = FORMULA.fullmatch(asked(item))
    assert found is not None
    value = eval(found[1].replace("x", "*"), {})
    assert float(item.reference) == pytest.approx(value)


def test_programs_and_formulas_are_found_to_be_computed_again() -> None:
    assert len(PROGRAMS) >= 15
    assert len(SUMS) >= 10


def test_no_question_is_put_twice() -> None:
    plain = Counter(
        tuple(
            (m.role, " ".join(re.findall(r"[^\s,.!?\"]+", m.content.casefold())))
            for m in item.messages
        )
        for item in ITEMS
    )
    assert [question for question, count in plain.items() if count > 1] == []


def test_ids_are_unique_and_begin_with_their_task() -> None:
    assert len({item.id for item in ITEMS}) == len(ITEMS)
    strangers = [i.id for i in ITEMS if i.id[:-4] != i.task.replace("_", "-")]
    assert strangers == []


def test_every_line_says_how_difficult_it_is() -> None:
    assert [line["id"] for line in LINES if "difficulty" not in line] == []


def test_every_task_has_enough_items_to_tell_pairs_apart() -> None:
    per_task = Counter(item.task for item in ITEMS)
    assert set(per_task) == set(get_args(Task))
    assert min(per_task.values()) >= 50
    assert len(ITEMS) >= 480


def band(item: Item) -> str:
    assert item.difficulty is not None
    return "easy" if item.difficulty < 1 / 3 else "medium" if item.difficulty < 2 / 3 else "hard"


def test_easy_medium_and_hard_questions_are_there_in_every_task() -> None:
    per_band = Counter(band(item) for item in ITEMS)
    assert 0.35 <= per_band["easy"] / len(ITEMS) <= 0.45
    assert 0.30 <= per_band["medium"] / len(ITEMS) <= 0.40
    assert 0.20 <= per_band["hard"] / len(ITEMS) <= 0.30
    per_task = Counter((item.task, band(item)) for item in ITEMS)
    assert len(per_task) == 3 * len(get_args(Task))
    assert min(per_task.values()) >= 12


def test_every_grader_but_the_partial_one_is_used() -> None:
    used = Counter(item.grader for item in ITEMS)
    assert set(GRADERS) - set(used) == {"token_f1"}
    assert used["code"] >= 20
    assert used["json_schema"] >= 15


def test_questions_and_answers_are_short_enough_to_be_asked_in_minutes() -> None:
    long = [i.id for i in ITEMS if sum(len(m.content) for m in i.messages) > LONGEST_QUESTION_CHARS]
    assert long == []
    assert max(item.max_tokens for item in ITEMS) <= LONGEST_ANSWER_TOKENS
    assert sum(item.max_tokens for item in ITEMS) / len(ITEMS) <= 48


def test_the_page_states_the_licence_the_making_and_every_grader() -> None:
    assert "Apache-2.0" in README
    assert "by hand" in README
    assert f"{len(ITEMS)} questions" in README
    assert [name for name in GRADERS if f"| `{name}` |" not in README] == []


def test_the_page_counts_the_items_of_every_task_and_band() -> None:
    for task in get_args(Task):
        bands = Counter(band(item) for item in ITEMS if item.task == task)
        row = f"| {task} | {bands['easy']} | {bands['medium']} | {bands['hard']} |"
        assert row in README
