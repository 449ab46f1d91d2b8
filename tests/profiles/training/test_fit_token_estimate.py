from __future__ import annotations

import json
from pathlib import Path

import pytest
from tokenizers import pre_tokenizers

from profiles.training.fit_token_estimate import errors, expected, fit, main, pieces
from serve_app.tokens.counter import HfTokenCounter
from serve_app.tokens.estimate import UNITS
from tests.word_tokenizer import write_tokenizer

STORY = "red fox runs over the old bridge while 7 geese watch it from a field\n" * 300


@pytest.fixture
def word_tokenizer(tmp_path: Path) -> Path:
    return write_tokenizer(tmp_path / "tokenizer.json", pre_tokenizers.WhitespaceSplit())


def test_a_tokenizer_that_is_linear_in_the_features_is_fitted_closely(
    word_tokenizer: Path,
) -> None:
    cut = pieces(STORY, HfTokenCounter(word_tokenizer))
    assert max(errors(cut[1::2], fit([cut[::2]]))) < 0.1


def test_no_weight_is_negative(word_tokenizer: Path) -> None:
    assert min(fit([pieces(STORY, HfTokenCounter(word_tokenizer))])) >= 0


@pytest.mark.parametrize("unit", ["e1 83", "hangul", "q z"])
def test_what_is_in_no_text_takes_what_is_expected_of_it(word_tokenizer: Path, unit: str) -> None:
    weights = fit([pieces(STORY, HfTokenCounter(word_tokenizer))])

    assert weights[UNITS.index(unit)] == pytest.approx(expected(unit), abs=0.01)
    assert expected(unit) > 0


def test_the_command_writes_the_constants_and_prints_the_error_of_each_text(
    word_tokenizer: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    story, weights = tmp_path / "story.txt", tmp_path / "weights.json"
    story.write_text(STORY, encoding="utf-8")

    main([str(word_tokenizer), str(story), "--out", str(weights)])

    fitted = json.loads(weights.read_text("utf-8"))["tokens_per_unit"]
    assert fitted
    assert set(fitted) <= set(UNITS)
    assert "story.txt: median" in capsys.readouterr().out
