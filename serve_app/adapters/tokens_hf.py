"""Counts tokens with a Hugging Face `tokenizer.json`, or estimates them from bytes."""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import Tokenizer

# Longer texts are estimated from three slices of this many characters.
SAMPLE_CHARS = 20_000

# Classes of UTF-8 bytes. A character counts once, by its first byte, which tells its script.
BYTE_CLASSES: tuple[tuple[str, bytes], ...] = (
    ("space", b" "),
    ("newline", b"\n"),
    ("digit", b"0123456789"),
    ("lower", bytes(range(0x61, 0x7B))),
    ("upper", bytes(range(0x41, 0x5B))),
    ("latin, greek", bytes(range(0xC2, 0xD0))),
    ("cyrillic", bytes(range(0xD0, 0xD4))),
    ("hebrew, arabic", bytes(range(0xD4, 0xE0))),
    ("indic, thai", b"\xe0"),
    ("vietnamese, georgian", b"\xe1"),
    ("general punctuation", b"\xe2"),
    ("kana", b"\xe3"),
    ("han", bytes(range(0xE4, 0xEA))),
    ("hangul", bytes(range(0xEA, 0xEE))),
    ("emoji", bytes(range(0xEF, 0xF5))),
)
CLASS_NAMES = tuple(name for name, _ in BYTE_CLASSES)
# Accents tell that a text in Latin letters is not English, which takes fewer tokens.
LETTERS_PER_ACCENT = 30
CONTINUATION = bytes(range(0x80, 0xC0))

# Tokens per unit of each of `features`, of SmolLM2's tokenizer (49,152 entries), as printed by
# `python -m profiles.fit_token_estimate`. Median error on texts it did not see, for pieces of
# 200 to 3,200 characters: English 2 to 8 %, figures 2 %, code 5 to 12 %, other Latin scripts
# 1 to 16 %, Cyrillic, Arabic, Han, Kana, Hangul 1 to 5 %, Indic and Thai 11 to 26 %.
TOKENS_PER_UNIT: tuple[float, ...] = (
    0.000,
    0.925,
    1.065,
    0.142,
    0.408,
    0.925,
    0.821,
    1.136,
    1.670,
    3.197,
    2.257,
    1.755,
    1.591,
    2.615,
    2.425,
    0.871,
    0.438,
    0.194,
)


def features(text: str) -> tuple[int, ...]:
    """Characters per byte class, other ASCII characters, words, letters of accented text."""
    # A lone surrogate is no text a tokenizer takes; it counts as the mark that replaces it.
    raw = text.encode("utf-8", "replace")
    counts = [len(raw) - len(raw.translate(None, members)) for _, members in BYTE_CLASSES]
    characters = len(raw.translate(None, CONTINUATION))
    by_class = dict(zip(CLASS_NAMES, counts, strict=True))
    accented = min(by_class["lower"], LETTERS_PER_ACCENT * by_class["latin, greek"])
    return (*counts, characters - sum(counts), len(raw.split()), accented)


def estimate_tokens(text: str) -> int:
    """A weighted sum of `features`: in bounded time, whatever the length of the text."""
    if len(text) <= 3 * SAMPLE_CHARS:
        return _weighed(text)
    middle = (len(text) - SAMPLE_CHARS) // 2
    sample = text[:SAMPLE_CHARS] + text[middle : middle + SAMPLE_CHARS] + text[-SAMPLE_CHARS:]
    return round(_weighed(sample) * len(text) / len(sample))


def _weighed(text: str) -> int:
    if not text:
        return 0
    weights = zip(TOKENS_PER_UNIT, features(text), strict=True)
    return max(1, round(sum(weight * count for weight, count in weights)))


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
