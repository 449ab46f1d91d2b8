from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from serve_app.adapters.tokens_hf import EstimatingCounter, HfTokenCounter, estimate_tokens

ODD_TEXTS = ["", "\x00\xff", "\ud800", "🙂" * 300, "مرحبا بالعالم", "数" * 300, " " * 300]


@pytest.fixture
def word_tokenizer(tmp_path: Path) -> Path:
    """A tokenizer with one token per word and per sign."""
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "red": 1, "fox": 2}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    file = tmp_path / "tokenizer.json"
    tokenizer.save(str(file))
    return file


def test_count_is_what_the_tokenizer_says(word_tokenizer: Path) -> None:
    assert HfTokenCounter(word_tokenizer).count("red fox, red fox!") == 6


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_odd_text_is_counted_and_estimated(word_tokenizer: Path, text: str) -> None:
    counter = HfTokenCounter(word_tokenizer)
    assert counter.count(text) >= 0
    assert counter.estimate(text) >= 0


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="absent"):
        HfTokenCounter(tmp_path / "absent.json")


@pytest.mark.parametrize("content", ["not json", "[]", "{}"])
def test_a_file_that_is_no_tokenizer_is_named(tmp_path: Path, content: str) -> None:
    file = tmp_path / "config.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"config\.json is no tokenizer\.json"):
        HfTokenCounter(file)


def test_without_a_tokenizer_the_estimate_is_the_count() -> None:
    counter = EstimatingCounter()
    text = "The harbour was quiet that morning."
    assert counter.count(text) == counter.estimate(text) > 0


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
