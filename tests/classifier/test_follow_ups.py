"""The last request of a conversation is asked with what it needs of the one before."""

from __future__ import annotations

import pytest

from serve_app.classifier.request_text import resolve_follow_up
from tests.classifier.pasted import material

QUESTION = "Which planet has the most moons?"


@pytest.mark.parametrize(
    "follow_up", ["and in French?", "What about Italian?", "Now in Greek, please.", "again", "why?"]
)
def test_a_short_follow_up_is_asked_with_the_request_before_it(follow_up: str) -> None:
    first = "Translate 'good morning' into Spanish."
    assert resolve_follow_up([first, follow_up]) == f"{first}\n{follow_up}"


def test_a_chain_of_follow_ups_goes_back_to_the_request() -> None:
    turns = ["hello", "Translate 'yes' into Danish.", "and in French?", "and in Greek?"]
    assert resolve_follow_up(turns) == "Translate 'yes' into Danish.\nand in Greek?"


def test_a_follow_up_does_not_bring_back_what_was_pasted_in_before() -> None:
    turns = [f"Context: {material()}\n\nQuestion: {QUESTION}", "and the fewest?"]
    assert resolve_follow_up(turns) == f"{QUESTION}\nand the fewest?"


@pytest.mark.parametrize(
    "turn",
    [
        "Who wrote The Tempest?",
        "thanks",
        "And who wrote Hamlet, by the way?",
        "And what is Peru's capital?",
        "Now write a Python function that sorts these names by length.",
        f"and {'y' * 5_000}",
        "",
    ],
)
def test_a_whole_request_stands_alone(turn: str) -> None:
    assert resolve_follow_up(["Translate 'yes' into Danish.", turn]) == turn


def test_a_follow_up_to_nothing_is_what_it_is() -> None:
    assert resolve_follow_up(["and in French?"]) == "and in French?"
