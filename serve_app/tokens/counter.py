"""Counts tokens with a Hugging Face `tokenizer.json`, or estimates them from bytes."""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import Tokenizer

from serve_app.tokens.estimate import estimate_tokens


class HfTokenCounter:
    """Exact counts of one tokenizer, and the estimate for where microseconds matter."""

    def __init__(self, tokenizer_file: Path) -> None:
        """Raises `OSError` when the file cannot be read, `ValueError` when it is no tokenizer."""
        text = tokenizer_file.read_text(encoding="utf-8")
        try:
            content = json.loads(text)
        except json.JSONDecodeError as exc:
            raise ValueError(f"{tokenizer_file} is no tokenizer.json: {exc}") from exc
        if not isinstance(content, dict) or "model" not in content:
            raise ValueError(
                f"{tokenizer_file} is no tokenizer.json: it has no 'model'; "
                f"give the file of that name from the checkpoint's folder"
            )
        self._tokenizer = Tokenizer.from_str(text)
        # Some files ask for them, which would count every text the same.
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def estimate(self, text: str) -> int:
        return estimate_tokens(text)

    def count(self, text: str) -> int:
        whole = text.encode("utf-8", "replace").decode("utf-8")
        return len(self._tokenizer.encode(whole, add_special_tokens=False))


class EstimatingCounter:
    """For where no tokenizer file is configured: every count is the estimate."""

    def estimate(self, text: str) -> int:
        return estimate_tokens(text)

    def count(self, text: str) -> int:
        return estimate_tokens(text)
