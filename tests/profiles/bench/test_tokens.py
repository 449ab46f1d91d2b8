"""The estimate of tokens against tokenizers made here: one token per character, or per two."""

from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import Regex, pre_tokenizers

from profiles.bench.prompts import PromptsUnusable
from profiles.bench.tokens import SAMPLES, as_document, report, run
from tests.word_tokenizer import write_tokenizer

LANGUAGES = {
    *("arabic", "chinese", "english", "french", "german", "greek", "hindi", "japanese", "korean"),
    *("polish", "russian", "spanish", "thai", "turkish", "vietnamese"),
}
CODE = {"python", "javascript", "sql", "json", "log", "latex", "shell", "table_of_numbers"}


def a_tokenizer(folder: Path, name: str, characters: int) -> Path:
    cut = pre_tokenizers.Split(Regex(rf"[\s\S]{{1,{characters}}}"), behavior="isolated")
    return write_tokenizer(folder / f"{name}.json", cut)


@pytest.fixture
def tokenizers(tmp_path: Path) -> dict[str, Path]:
    return {"ones": a_tokenizer(tmp_path, "ones", 1), "twos": a_tokenizer(tmp_path, "twos", 2)}


def test_samples_cover_scripts_code_and_figures() -> None:
    assert {file.stem for file in SAMPLES.glob("*.txt")} >= LANGUAGES | CODE


def test_each_tokenizer_is_held_against_the_estimate_times_its_ratio(
    tokenizers: dict[str, Path],
) -> None:
    ones, twos = run(tokenizers).tokenizers

    assert (ones.ratio, twos.ratio) == (1.0, pytest.approx(0.5, abs=0.01))
    english = {errors.tokenizer: errors.kinds[2] for errors in (ones, twos)}
    assert english["ones"].kind == "english"
    # English has several characters to a token, so the estimate is far below one for each.
    assert -0.9 < english["ones"].bias < -0.6
    assert english["ones"].median == pytest.approx(-english["ones"].bias, abs=0.05)
    assert english["twos"].bias == pytest.approx(english["ones"].bias, abs=0.02)


def test_prompts_of_ones_own_are_kinds_of_their_own(
    tokenizers: dict[str, Path], tmp_path: Path
) -> None:
    file = tmp_path / "asked.jsonl"
    file.write_text('{"prompt": "abcd"}\n{"prompt": ""}\n{"prompt": "ef"}\n', encoding="utf-8")

    result = run(tokenizers, file)

    kind = result.tokenizers[0].kinds[-1]
    assert (kind.kind, kind.texts, kind.tokens) == ("data: asked", 2, 6)
    assert "data: asked" in report(result)


def test_the_reports_say_what_is_over_the_target_and_how_long_a_count_takes(
    tokenizers: dict[str, Path],
) -> None:
    result = run(tokenizers)

    assert result.timed_tokens == pytest.approx(1_000, abs=5)
    assert result.estimate_p50_us > 0
    assert result.exact_p50_us > 0
    assert as_document(result)["tokenizers"][0]["kinds"][0]["kind"] == "arabic"
    assert "over target" in report(result)


def test_data_that_is_not_there_is_said(tokenizers: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(PromptsUnusable, match="absent"):
        run(tokenizers, tmp_path / "absent.jsonl")
