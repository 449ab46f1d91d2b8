"""Tokenizers that cut texts in a known way and know next to no word."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers


def write_tokenizer(file: Path, cut: pre_tokenizers.PreTokenizer, *words: str) -> Path:
    """A token for every piece that `cut` makes; all but `words` are unknown ones."""
    vocabulary = {word: number for number, word in enumerate(("[UNK]", *words))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = cut
    tokenizer.save(str(file))
    return file
