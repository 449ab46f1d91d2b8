"""Two answers are compared by the form of the reference's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.request import Task
from serve_app.feedback.grading import (
    EXACTLY,
    IN_WORDS,
    Comparison,
    compare_answers,
    grade,
)


def agree(task: Task, answer: str, reference: str) -> bool:
    return compare_answers(task, answer, reference).same


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
        pytest.param("classification", "The mood is positive.", "Positive", id="label in words"),
        pytest.param("question_answering", "Paris", "It is Paris, of course.", id="fact in words"),
        pytest.param("translation", "你好", "你好", id="other scripts"),
        pytest.param("translation", "你好世界", "你好\uff0c世界", id="no spaces between words"),
        pytest.param("translation", "caf\u00e9", "cafe\u0301", id="another way to write it"),
        pytest.param("reasoning", "x = -5", "It is \u22125.", id="another minus sign"),
        pytest.param(
            "question_answering",
            "Option A is too small. The answer is C.",
            "C) 12",
            id="options weighed before the answer",
        ),
    ],
)
def test_the_same_said_in_another_form_agrees(task: Task, answer: str, reference: str) -> None:
    assert agree(task, answer, reference)


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
        pytest.param("question_answering", "", "Paris", id="no fact"),
        pytest.param("conversation", "👎", "👍", id="signs and no words"),
        pytest.param("classification", "It is neutral.", "It is negative.", id="one word else"),
        pytest.param("translation", "今天下雨了", "我喜欢吃苹果", id="other words without spaces"),
    ],
)
def test_something_else_does_not_agree(task: Task, answer: str, reference: str) -> None:
    assert not agree(task, answer, reference)


def test_prose_needs_fewer_words_in_common_than_a_fact() -> None:
    answer, reference = "the cat sat here today", "the cat slept here yesterday"

    assert agree("summarization", answer, reference)
    assert not agree("classification", answer, reference)


@given(task=st.sampled_from(sorted(IN_WORDS)), text=st.text())
def test_every_text_agrees_with_itself(task: Task, text: str) -> None:
    assert agree(task, text, text)


@given(task=st.sampled_from(sorted(IN_WORDS)), answer=st.text(), reference=st.text())
def test_any_two_texts_get_a_comparison_and_always_the_same(
    task: Task, answer: str, reference: str
) -> None:
    comparison = compare_answers(task, answer, reference)

    assert comparison == compare_answers(task, answer, reference)
    assert comparison.rates in {EXACTLY, IN_WORDS[task]}


@pytest.mark.parametrize(
    "text", ["[" * 20_000, "1" * 20_000, "```\n" * 5_000, "answer " * 3_000, "{" + " " * 20_000]
)
def test_texts_made_to_be_hard_are_compared_all_the_same(text: str) -> None:
    assert agree("reasoning", text, text)


@pytest.mark.parametrize(
    "prose",
    [
        "The answer is a bit harder to give than it looks at first.",
        "The best option is a bicycle, which needs no fuel.",
        "The option I prefer is the bicycle.",
    ],
)
def test_an_article_or_a_pronoun_in_prose_is_no_choice(prose: str) -> None:
    comparison = compare_answers("conversation", f"Well. {prose}", prose)

    assert comparison.same
    assert comparison.rates == IN_WORDS["conversation"]


@pytest.mark.parametrize("task", sorted(IN_WORDS))
def test_saying_the_same_always_speaks_for_an_answer_and_exact_forms_speak_loudest(
    task: Task,
) -> None:
    by_words = [
        grade(Comparison(same=True, rates=rates), answer=0.7, reference=0.8)
        for rates in (IN_WORDS[task], EXACTLY)
    ]

    assert 0.7 < by_words[0].score < by_words[1].score
    assert by_words[0].confidence < by_words[1].confidence
