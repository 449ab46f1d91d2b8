"""The estimate is close to what it was fitted to, whatever the script, and never fails."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.adapters.token_estimate import UNITS, estimate_tokens, features
from serve_app.adapters.token_weights import TOKENS_PER_UNIT


# Exact counts by SmolLM2's tokenizer.
@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("The council met on Monday evening to talk about the old bridge over the river.", 16),
        (
            "def total(prices: list[float]) -> float:\n"
            "    return sum(price * 1.2 for price in prices)\n",
            29,
        ),
        ("2021,14.25,903,1187.5\n2022,15.75,871,1204.0\n2023,13.50,946,1311.25\n", 67),
        ("Совет собрался в понедельник вечером, чтобы обсудить старый мост через реку.", 59),
        ("市议会星期一晚上开会讨论河上的旧桥和维修费用。", 42),
        ("परिषद सोमवार शाम को पुल पर बात करने के लिए मिली।", 50),
        ("اجتمع المجلس مساء الاثنين لمناقشة الجسر القديم فوق النهر.", 52),
    ],
)
def test_the_estimate_is_within_a_quarter_of_the_tokenizer_it_is_fitted_to(
    text: str, tokens: int
) -> None:
    assert estimate_tokens(text) == pytest.approx(tokens, rel=0.25)


@given(st.text(), st.text())
def test_more_text_is_never_estimated_at_fewer_tokens(text: str, more: str) -> None:
    longer = f"{text} {more}"
    assert estimate_tokens(longer) >= estimate_tokens(text)


def test_a_huge_text_is_estimated_like_its_parts() -> None:
    page = "The council met on Monday to vote on the new bridge over the river. " * 50
    assert estimate_tokens(page * 100) == pytest.approx(100 * estimate_tokens(page), rel=0.02)


@pytest.mark.parametrize("script", ["અમદાવાદ", "ଭୁବନେଶ୍ୱର", "කොළඹ", "ວຽງຈັນ", "ᠮᠣᠩᠭᠣᠯ", "አዲስ"])
def test_no_script_is_taken_for_nothing(script: str) -> None:
    assert estimate_tokens(script) >= len(script)


def test_every_constant_is_of_a_unit_that_is_counted() -> None:
    assert set(TOKENS_PER_UNIT) <= set(UNITS)


@given(st.text())
def test_every_unit_is_counted_whatever_the_text(text: str) -> None:
    assert features(text).shape == (len(UNITS),)
