"""`quantroute bench tokens` as a person types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tokenizers import pre_tokenizers
from typer.testing import CliRunner

from profiles.cli import cli
from tests.word_tokenizer import write_tokenizer


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    return write_tokenizer(tmp_path / "tokenizer.json", pre_tokenizers.Whitespace())


def test_tokens_prints_json_of_a_named_tokenizer(tokenizer: Path) -> None:
    told = CliRunner().invoke(cli, ["bench", "tokens", "--tokenizer", str(tokenizer), "--json"])

    assert told.exit_code == 0
    (errors,) = json.loads(told.stdout)["tokenizers"]
    assert errors["tokenizer"] == str(tokenizer)


def test_a_file_that_is_no_tokenizer_is_an_error_and_no_traceback(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text("{}", encoding="utf-8")

    told = CliRunner().invoke(cli, ["bench", "tokens", "--tokenizer", str(file)])

    assert told.exit_code == 1
    assert "is no tokenizer.json" in told.stderr


def test_data_without_prompts_is_an_error_and_no_traceback(tokenizer: Path, tmp_path: Path) -> None:
    asked = ["bench", "tokens", "--tokenizer", str(tokenizer), "--data", str(tmp_path)]

    told = CliRunner().invoke(cli, asked)

    assert told.exit_code == 1
    assert "has none of" in told.stderr
