from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from profiles.fit_token_estimate import errors, fit, main, pieces
from serve_app.adapters.token_estimate import UNITS
from serve_app.adapters.tokens_hf import HfTokenCounter

STORY = "red fox runs over the old bridge while 7 geese watch it from a field\n" * 300


@pytest.fixture
def word_tokenizer(tmp_path: Path) -> Path:
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    file = tmp_path / "tokenizer.json"
    tokenizer.save(str(file))
    return file


def test_a_tokenizer_that_is_linear_in_the_features_is_fitted_closely(
    word_tokenizer: Path,
) -> None:
    cut = pieces(STORY, HfTokenCounter(word_tokenizer))
    assert max(errors(cut[1::2], fit([cut[::2]]))) < 0.1


def test_no_weight_is_negative(word_tokenizer: Path) -> None:
    assert min(fit([pieces(STORY, HfTokenCounter(word_tokenizer))])) >= 0


def test_a_script_in_no_text_takes_as_many_tokens_as_the_others(word_tokenizer: Path) -> None:
    thai = pieces("กรุงเทพ ฯลฯ " * 200, HfTokenCounter(word_tokenizer))
    weights = dict(zip(UNITS, fit([thai]).tolist(), strict=True))

    assert weights["e0 b8"] > 0
    assert weights["e1 83"] == weights["e0 b8"]


def test_the_command_prints_the_constants_and_the_error_of_each_text(
    word_tokenizer: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    story = tmp_path / "story.txt"
    story.write_text(STORY, encoding="utf-8")
    main([str(word_tokenizer), str(story)])
    printed = capsys.readouterr().out
    assert "TOKENS_PER_UNIT: Mapping[str, float] = {" in printed
    assert "story.txt: median" in printed


def test_the_command_writes_the_module_that_the_estimate_reads(
    word_tokenizer: Path, tmp_path: Path
) -> None:
    story, module = tmp_path / "story.txt", tmp_path / "weights.py"
    story.write_text(STORY, encoding="utf-8")

    main([str(word_tokenizer), str(story), "--out", str(module)])

    written: dict[str, dict[str, float]] = {}
    exec(module.read_text(encoding="utf-8"), written)
    assert set(written["TOKENS_PER_UNIT"]) <= set(UNITS)
