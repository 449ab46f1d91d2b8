"""Two answers are compared by the form of the reference's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.request import Task
from serve_app.service.agreement import SAME_FROM, agreement


@pytest.mark.parametrize(
    ("task", "answer", "reference"),
    [
        pytest.param("extraction", '{"b": 2, "a": 1}', '{"a": 1, "b": 2}', id="order of keys"),
        pytest.param("extraction", '```json\n{"a": 1}\n```', '{"a":1}', id="fence"),
        pytest.param("question_answering", "B) Paris", "B", id="letter with its text"),
        pytest.param("question_answering", "The answer is B.", "(B)", id="letter in a sentence"),
        pytest.param("reasoning", "3 + 4 = 7", "First 3, then 4 more: 7.0", id="last number"),
        pytest.param("conversation", "It costs $1,200.", "1200", id="number alone"),
        pytest.param("conversation", "Hello there, friend!", "hello there friend", id="words"),
        pytest.param("classification", "Positive.", "positive", id="label"),
        pytest.param("translation", "你好", "你好", id="other scripts"),
    ],
)
def test_the_same_said_in_another_form_agrees(task: Task, answer: str, reference: str) -> None:
    assert agreement(task, answer, reference) == 1.0


@pytest.mark.parametrize(
    ("task", "answer", "reference"),
    [
        pytest.param("extraction", '{"a": 2}', '{"a": 1}', id="another value"),
        pytest.param("extraction", "a is 1", '{"a": 1}', id="no JSON"),
        pytest.param("question_answering", "C", "B", id="another letter"),
        pytest.param("question_answering", "A good question!", "A", id="an article is no choice"),
        pytest.param("reasoning", "3 + 4 = 8", "3 + 4 = 7", id="another result"),
        pytest.param("reasoning", "I do not know", "7", id="no number"),
        pytest.param("classification", "negative", "positive", id="another label"),
        pytest.param("summarization", "Cats sleep.", "Stock prices fell on Monday", id="words"),
        pytest.param("conversation", "", "Hello", id="nothing said"),
    ],
)
def test_something_else_does_not_agree(task: Task, answer: str, reference: str) -> None:
    assert agreement(task, answer, reference) == 0.0


def test_prose_needs_fewer_words_in_common_than_a_fact() -> None:
    answer, reference = "the cat sat here today", "the cat slept here yesterday"

    assert agreement("summarization", answer, reference) == 1.0
    assert agreement("extraction", answer, reference) == 0.0


@given(task=st.sampled_from(sorted(SAME_FROM)), text=st.text())
def test_every_text_agrees_with_itself(task: Task, text: str) -> None:
    assert agreement(task, text, text) == 1.0


@given(task=st.sampled_from(sorted(SAME_FROM)), answer=st.text(), reference=st.text())
def test_any_two_texts_get_a_score_and_always_the_same(
    task: Task, answer: str, reference: str
) -> None:
    score = agreement(task, answer, reference)

    assert score in {0.0, 1.0}
    assert agreement(task, answer, reference) == score


@pytest.mark.parametrize(
    "text", ["[" * 20_000, "1" * 20_000, "```\n" * 5_000, "answer " * 3_000, "{" + " " * 20_000]
)
def test_texts_made_to_be_hard_are_compared_all_the_same(text: str) -> None:
    assert agreement("reasoning", text, text) == 1.0
