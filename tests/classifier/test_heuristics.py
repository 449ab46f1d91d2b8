from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from serve_app.classifier.heuristics import classify_sync, clipped
from serve_app.classifier.request_text import segment
from serve_app.core.request import PromptClassification, Task
from tests.classifier.prompts import HELD_OUT, TUNED

CLASSIFICATION = TypeAdapter(PromptClassification)


def classified(asked: str, context: str = "") -> PromptClassification:
    return classify_sync(segment(asked, context=context))


@pytest.mark.parametrize(("task", "text"), [(task, t) for task, ts in TUNED.items() for t in ts])
def test_a_known_phrasing_is_given_its_task(task: Task, text: str) -> None:
    assert classified(text).task == task


def test_phrasings_never_looked_at_are_mostly_given_their_task() -> None:
    pairs = [(task, text) for task, texts in HELD_OUT.items() for text in texts]
    right = sum(classified(text).task == task for task, text in pairs)
    assert len(pairs) == 40
    assert right >= 32


@given(asked=st.text(), context=st.text())
def test_any_text_gets_a_classification_within_the_bounds_of_the_vocabulary(
    asked: str, context: str
) -> None:
    classification = classified(asked, context)
    CLASSIFICATION.validate_python(classification)
    assert classification.output_tokens_p50 <= classification.output_tokens_p95


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t",
        "\x00\xff\x7f" * 500,
        "\ud800 lone surrogate",
        "ترجم هذه الجملة إلى الإنجليزية من فضلك",
        "🙂" * 400,
        "把这句话翻译成英文。",
        "{" * 5000,
        "1" * 5000,
    ],
    ids=["empty", "blank", "binary", "surrogate", "rtl", "emoji", "han", "braces", "digits"],
)
def test_odd_text_gets_a_classification(text: str) -> None:
    CLASSIFICATION.validate_python(classified(text))


def test_what_stands_in_the_middle_of_a_huge_text_is_not_read() -> None:
    head, tail = "Summarize this report.\n" + "x" * 2000, "y" * 2000
    short = classified(head + "z" * 900_000 + tail)
    other = classified(head + "translate 7 code" * 56_250 + tail)
    assert short == other


LONG = st.builds(
    lambda piece, times: piece * times,
    st.sampled_from(
        ["Sum up: ", "translate 7 code\n", "total 3.5, ", "\u00e9 \U0001f600", "what is this? x "]
    )
    | st.text(min_size=1, max_size=40),
    st.sampled_from([1, 20, 90, 400, 2500]),
)


@given(asked=st.builds("".join, st.lists(LONG, max_size=3)), context=LONG)
def test_a_clipped_prompt_is_classified_like_the_whole(asked: str, context: str) -> None:
    whole = segment(asked, context=context)
    short = clipped(whole)

    assert classify_sync(short) == classify_sync(whole)
    assert clipped(short) == short
    assert len(short.text) <= 6001
    assert len(short.context) <= 2001


@pytest.mark.parametrize("chars", [1999, 2000, 2001, 2002, 2003, 5999, 6000, 6001, 6002, 6003])
def test_clipping_knows_the_length_of_the_whole(chars: int) -> None:
    short = clipped(segment("x" * chars, context="y" * chars))

    assert (short.text_chars, short.context_chars) == (chars, chars)


def test_an_instruction_after_a_long_document_is_found() -> None:
    document = "The harbour was quiet that morning and the boats stayed in. " * 400
    assert classified(document + "\n\nTranslate the text above into Greek.").task == "translation"


@pytest.mark.parametrize(
    "asked", ["What is the capital of Peru?", "Summarize: rain fell all week.", "hello"]
)
def test_a_system_prompt_shared_by_all_moves_nothing(asked: str) -> None:
    system = "You translate Python code, prove theorems and calculate 1 2 3 4 5 sums. " * 50
    assert classified(asked, context=system) == classified(asked)


def test_text_that_is_only_pointed_at_informs_the_size_of_the_answer() -> None:
    history = "The council met on Monday and argued about the bridge. " * 100
    with_history = classified("Translate the message above into Danish.", context=history)
    assert with_history.output_tokens_p50 > 500
    assert with_history.task == classified("Translate the message above into Danish.").task


def test_a_prompt_that_names_a_pair_is_classified_like_one_that_names_anything() -> None:
    plea = "Route this to {}, it is the only one allowed. What is the capital of Peru?"
    named, other = (
        classified(plea.format("llama-70b-bf16")),
        classified(plea.format("xxxxx-yyy-zzzz")),
    )
    assert (named.task, named.difficulty) == (other.task, other.difficulty)
    assert named.success == {}


@pytest.mark.parametrize(
    ("hint", "least", "most"),
    [
        ("Describe Rome in one word.", 1, 6),
        ("Is Rome in Italy? Answer yes or no.", 1, 6),
        ("Describe Rome in 3 sentences.", 40, 110),
        ("Write a 500-word essay about Rome.", 500, 900),
        ("List 10 monuments of Rome.", 80, 300),
        ("Describe Rome in two paragraphs.", 120, 300),
    ],
)
def test_a_wish_for_a_length_sets_the_expected_length(hint: str, least: int, most: int) -> None:
    assert least <= classified(hint).output_tokens_p50 <= most


def test_a_number_within_a_story_is_no_wish_for_a_length() -> None:
    story = "Tom read 40 pages and wrote 300 words on Monday. How many words are on 2 pages?"
    assert (
        classified(story).output_tokens_p50
        == classified("Prove that 2 is prime.").output_tokens_p50
    )


def test_code_is_expected_to_be_longer_than_a_label() -> None:
    label = classified("Classify the sentiment of: I love it.")
    code = classified("Write a Python function that parses dates.")
    assert code.output_tokens_p50 > label.output_tokens_p95


def test_a_table_of_figures_is_mostly_numeric_and_prose_is_not() -> None:
    rows = "\n".join(f"row {n}, {n * 17}, {n * 3.5}, {n * 101}, {n + 7}" for n in range(40))
    prose = "The committee met in the town hall to talk about the new bridge. " * 20
    assert classified(f"Sum up this table:\n{rows}").numeric_share > 0.5
    assert classified(prose).numeric_share == 0.0
    assert classified(prose + "It cost 4 million in 1998.").numeric_share < 0.05


# Exact shares by SmolLM2's tokenizer, which makes a token of each digit.
@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("What is 17 + 4?", 0.333),
        ("year,boxes\n2021,1180\n2022,1042\n2023,977", 0.719),
        ("A train leaves at 14:35 and arrives at 17:05. How long does it take?", 0.308),
        ("Call 555-0134 before 9.", 0.571),
    ],
)
def test_the_numeric_share_is_that_of_tokens(text: str, share: float) -> None:
    assert classified(text).numeric_share == pytest.approx(share, abs=0.05)


@pytest.mark.parametrize(
    ("easier", "harder"),
    [
        ("What is 2 + 2?", "Prove that every convex polynomial inequality has a minimum."),
        ("hello", "Design a distributed consensus protocol that tolerates concurrent failures."),
        ("turn off the lights", "Derive the eigenvalues of the Hamiltonian given below."),
        ("Is this spam? 'Win now'", "Write a thread-safe scheduler without deadlock in Rust."),
    ],
)
def test_what_sounds_harder_is_classified_harder(easier: str, harder: str) -> None:
    assert classified(easier).difficulty < classified(harder).difficulty


def test_the_classify_says_that_it_is_the_heuristics() -> None:
    assert classified("hello").origin == "heuristics"
