"""What a checkpoint's own files say."""

from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Split, WhitespaceSplit

from profiles.checkpoint_files import checkpoint_folder, tokens_ratio, weights_bytes
from profiles.errors import MeasurementUnusable


def save_tokenizer(path: Path, pre_tokenizer: WhitespaceSplit | Split) -> Path:
    tokenizer = Tokenizer(WordLevel({"<unk>": 0}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.save(str(path))
    return path


def test_weights_are_all_shards_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "model-00001-of-00002.safetensors").write_bytes(b"x" * 70)
    (tmp_path / "model-00002-of-00002.safetensors").write_bytes(b"x" * 30)
    (tmp_path / "pytorch_model.bin").write_bytes(b"x" * 100)
    (tmp_path / "tokenizer.json").write_bytes(b"x" * 1000)

    assert weights_bytes(tmp_path) == 100


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MeasurementUnusable, match="has no weights; looked for"):
        weights_bytes(tmp_path)


def test_a_checkpoint_is_a_folder_or_a_file_in_one(tmp_path: Path) -> None:
    single = tmp_path / "model.gguf"
    single.write_bytes(b"x")

    assert checkpoint_folder(str(tmp_path)) == tmp_path
    assert checkpoint_folder(str(single)) == tmp_path


def test_a_checkpoint_that_is_nowhere_here_is_refused() -> None:
    with pytest.raises(MeasurementUnusable, match="neither a folder nor in the model hub's cache"):
        checkpoint_folder("nobody/no-such-model-was-ever-loaded")


def test_a_tokenizer_that_cuts_finer_has_a_ratio_above_one(tmp_path: Path) -> None:
    words = save_tokenizer(tmp_path / "reference.json", WhitespaceSplit())
    save_tokenizer(tmp_path / "tokenizer.json", Split("", "isolated"))

    assert tokens_ratio(tmp_path, words, ["abc def", "ghi"]) == pytest.approx(10 / 3)
