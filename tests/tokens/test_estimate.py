"""The estimate is close to what it was fitted to, whatever the script, and never fails."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.tokens.estimate import UNITS, WEIGHTS, estimate_tokens, features


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


@pytest.mark.parametrize(
    "text", ["The old bridge, 1907.", "def f(x):\n\treturn x", "Ελλάδα", "ไทย"]
)
def test_what_is_fitted_is_what_is_estimated(text: str) -> None:
    fitted = json.loads(WEIGHTS.read_text("utf-8"))["tokens_per_unit"]
    weights = [fitted.get(unit, 0.0) for unit in UNITS]

    assert estimate_tokens(text) == round(float(weights @ features(text)))


# Exact counts by SmolLM2's tokenizer.
@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("e2a9f0b47c1d83560fb9ce4417a2d05e9b3c8f61", 38),
        ("xq zvkj wpfg qhhz bxjv kwqz fjvg zzxk", 27),
    ],
)
def test_text_that_no_language_has_is_estimated_too(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == pytest.approx(tokens, rel=0.25)


@given(st.text())
def test_every_unit_is_counted_whatever_the_text(text: str) -> None:
    assert features(text).shape == (len(UNITS),)
