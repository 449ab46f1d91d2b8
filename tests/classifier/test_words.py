"""Words are what the expressions say that stand for them here."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.classifier.words import plain_words, spoken_words

PLAIN = re.compile(r"\w+")
SPOKEN = re.compile(r"[^\W_]+(?:'[a-z]+)?")

TEXTS = st.text() | st.text(
    st.sampled_from("aZ09_'\"- .\n\t\x1c\u00a0\u2003éİß½²π\u0301שم你🙂\ud800")
)


@given(TEXTS)
def test_plain_words_are_runs_of_word_characters_in_lower_case(text: str) -> None:
    assert plain_words(text) == PLAIN.findall(text.lower())


@given(TEXTS)
def test_spoken_words_keep_what_an_apostrophe_joins(text: str) -> None:
    assert spoken_words(text) == SPOKEN.findall(text.lower())


@pytest.mark.parametrize(
    ("text", "plain", "spoken"),
    [
        ("", [], []),
        ("Don't STOP_now!", ["don", "t", "stop_now"], ["don't", "stop", "now"]),
        ("l'été, 3.5 x²", ["l", "été", "3", "5", "x²"], ["l", "été", "3", "5", "x²"]),
        ("'quoted' o'clock's", ["quoted", "o", "clock", "s"], ["quoted", "o'clock", "s"]),
        ("\ud800a🙂b", ["a", "b"], ["a", "b"]),
    ],
)
def test_words_of(text: str, plain: list[str], spoken: list[str]) -> None:
    assert plain_words(text) == plain
    assert spoken_words(text) == spoken
