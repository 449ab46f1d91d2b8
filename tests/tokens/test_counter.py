from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import Tokenizer, pre_tokenizers

from serve_app.tokens.counter import EstimatingCounter, HfTokenCounter
from tests.word_tokenizer import write_tokenizer

ODD_TEXTS = ["", "\x00\xff", "\ud800", "🙂" * 300, "مرحبا بالعالم", "数" * 300, " " * 300]


@pytest.fixture
def word_tokenizer(tmp_path: Path) -> Path:
    """A tokenizer with one token per word and per sign."""
    return write_tokenizer(tmp_path / "tokenizer.json", pre_tokenizers.Whitespace(), "red", "fox")


def test_count_is_what_the_tokenizer_says(word_tokenizer: Path) -> None:
    assert HfTokenCounter(word_tokenizer).count("red fox, red fox!") == 6


def test_a_file_that_asks_for_cut_and_filled_texts_counts_whole_ones(word_tokenizer: Path) -> None:
    tokenizer = Tokenizer.from_file(str(word_tokenizer))
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=4)
    tokenizer.save(str(word_tokenizer))

    assert HfTokenCounter(word_tokenizer).count("red fox") == 2
    assert HfTokenCounter(word_tokenizer).count("red " * 9) == 9


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
