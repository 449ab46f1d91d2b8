"""The request in a text is told from what is pasted in beside it."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import fill

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.classifier.request_text import ends, extract_request, segment
from tests.classifier.pasted import PASTED, material

QUESTION = "Which planet has the most moons?"


@pytest.mark.parametrize("paste", PASTED.values(), ids=PASTED)
def test_a_question_is_found_beside_what_is_pasted_in(paste: Callable[[str], str]) -> None:
    assert extract_request(paste(QUESTION)) == QUESTION


@pytest.mark.parametrize("paste", PASTED.values(), ids=PASTED)
def test_answers_to_choose_from_belong_to_the_question(paste: Callable[[str], str]) -> None:
    asked = "The capital of Peru is\n" + "\n".join(f"{x}. {'Lima ' * 60}".strip() for x in "ABCD")
    assert extract_request(paste(asked)) == asked


@pytest.mark.parametrize("paste", PASTED.values(), ids=PASTED)
def test_the_ends_of_a_text_say_the_same_as_the_whole(paste: Callable[[str], str]) -> None:
    assert extract_request(ends(paste(QUESTION))) == extract_request(paste(QUESTION))


def test_a_prompt_keeps_its_material_next_to_its_instruction() -> None:
    text = f"Context: {material()}\n\nQuestion: {QUESTION}"

    prompt = segment(text, context="Be brief.")

    assert (prompt.instruction, prompt.text, prompt.context) == (QUESTION, text, "Be brief.")
    assert (prompt.has_material, prompt.instruction_chars) == (True, len(QUESTION))


def test_a_prompt_without_material_is_all_instruction() -> None:
    prompt = segment(QUESTION)

    assert prompt.instruction == QUESTION
    assert (prompt.has_material, prompt.instruction_chars) == (False, len(QUESTION))


def test_a_request_that_leads_into_its_material_is_read_with_what_it_leads_with() -> None:
    text = f"Answer from the context alone.\n\nContext:\n{material()}\n\n{QUESTION}"
    assert extract_request(text) == f"Answer from the context alone.\n{QUESTION}"


def test_a_letter_whose_lower_case_is_longer_does_not_move_a_label() -> None:
    assert (
        extract_request(f"\u0130stanbul. Context: {material()}\n\nQuestion: {QUESTION}") == QUESTION
    )


def test_a_command_after_long_prose_is_the_request() -> None:
    command = "Translate the text above into Greek."
    assert extract_request(f"{material()}\n\n{command}") == command


@pytest.mark.parametrize(
    "text",
    [
        "",
        QUESTION,
        f"Context: Saturn has 146 moons.\nQuestion: {QUESTION}",
        material(),
        fill(material(), 80),
        fill(material().replace("\n\n", " "), 80),
        "word " * 3_000,
        "Fix this.\n\n" + "def f(x):\n    return x + 1\n\n" * 300,
        "Why does it fail?\n```\n" + "for (;;) {\n  run();\n}\n" * 300 + "```",
        "```python\n" + material() + "\n```\nWhat is wrong here?",
        "Ann sold a gateway. " * 250 + "\nA. Ann wins.\nB. Bob wins.\nC. Nobody wins.",
        f"<context>{material()}</context>",
        f"Context:\n{material()}",
    ],
    ids=[
        *(
            "empty",
            "short",
            "little material",
            "prose",
            "wrapped",
            "wrapped block",
            "one paragraph",
            "code",
            "fenced code",
        ),
        *("named language", "options", "tag alone", "label alone"),
    ],
)
def test_a_text_that_is_one_thing_is_left_whole(text: str) -> None:
    assert extract_request(text) is None


@pytest.mark.parametrize(
    "text",
    [
        *("<context>" * 600, "</context>" * 600, "```\n" * 2_000, "Question:\n" * 600),
        *("\n" * 6_000, "Context: " * 700, "# " * 3_000, ". Question" * 600, "<question>" * 600),
        *("```" + " " * 5_900 + "!", "</" * 3_000, "**\n" * 2_000, ":" * 6_000, " answer:" * 750),
    ],
)
def test_marks_without_text_between_them_harm_nothing(text: str) -> None:
    request = extract_request(text)
    assert request is None or len(request) <= len(text)


@given(st.lists(st.sampled_from(["<doc>", "</doc>", "\n\n", "```\n", "Question: ", "x " * 500])))
def test_any_mixture_of_marks_is_read_and_its_ends_alike(parts: list[str]) -> None:
    text = "".join(parts)
    assert extract_request(ends(text)) == extract_request(text)
