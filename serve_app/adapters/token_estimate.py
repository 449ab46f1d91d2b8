"""Estimates tokens from a text's bytes, in microseconds.

A byte-pair tokenizer cuts where characters of one kind meet another kind, so what is counted is
neighbours: every ASCII character with the one before it, by their classes. Other characters count
once each, by their script, which the first byte of UTF-8 tells, or for some the second.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from serve_app.adapters.token_weights import TOKENS_PER_UNIT

# Longer texts are estimated from three slices of this many characters.
SAMPLE_CHARS = 20_000

ASCII_CLASSES: tuple[tuple[str, bytes], ...] = (
    ("space", b" "),
    ("line", b"\n\r\t"),
    ("digit", b"0123456789"),
    ("lower", bytes(range(0x61, 0x7B))),
    ("upper", bytes(range(0x41, 0x5B))),
    ("stop", b".,'-"),
    ("bracket", b"()[]{}<>"),
    ("quote", b'"`'),
    ("sign", b"!#$%&*+/:;=?@\\^_|~"),
)
FIRST_BYTES: tuple[tuple[str, bytes], ...] = (
    ("control", bytes((*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F))),
    ("western latin", bytes(range(0xC2, 0xC4))),
    ("other latin", bytes(range(0xC4, 0xCD))),
    ("greek", bytes(range(0xCD, 0xD0))),
    ("cyrillic", b"\xd0\xd1"),
    ("other cyrillic", b"\xd2\xd3"),
    ("armenian", b"\xd4\xd5"),
    ("hebrew", b"\xd6\xd7"),
    ("arabic", b"\xd8\xd9"),
    ("other arabic", bytes(range(0xDA, 0xE0))),
    ("punctuation", b"\xe2"),
    ("kana", b"\xe3"),
    ("han", bytes(range(0xE4, 0xEA))),
    ("hangul", bytes(range(0xEA, 0xEE))),
    ("emoji", bytes(range(0xEE, 0xF8))),
)
# After these the second byte tells the script: e0 a4 and a5 begin Devanagari, e1 ba Vietnamese.
TWO_BYTE_LEADS: tuple[tuple[str, bytes], ...] = (("e0", b"\xe0"), ("e1", b"\xe1"))
SECOND_BYTES: tuple[tuple[str, bytes], ...] = (
    ("80", bytes(range(0x80, 0x83))),
    ("83", b"\x83"),
    ("84", bytes((*range(0x84, 0xA4), *range(0xBC, 0xC0)))),
    *((f"{first:x}", bytes((first, first + 1))) for first in range(0xA4, 0xBC, 2)),
)
# Accents tell that the letters around them are not English, which takes fewer tokens.
ACCENTED = ("western latin", "other latin")
LETTERS_PER_ACCENT = 30

_CLASSES = (*ASCII_CLASSES, *FIRST_BYTES, *TWO_BYTE_LEADS, *SECOND_BYTES)
_INDEX = {name: index for index, (name, _) in enumerate(_CLASSES)}
_SIZE = len(_CLASSES)
_SCRIPTS = tuple((lead, second) for lead, _ in TWO_BYTE_LEADS for second, _ in SECOND_BYTES)
_NEIGHBOURS = (
    *((before, after) for before, _ in ASCII_CLASSES for after, _ in ASCII_CLASSES),
    *_SCRIPTS,
)
SCRIPT_UNITS = tuple(f"{lead} {second}" for lead, second in _SCRIPTS)
UNITS: tuple[str, ...] = (
    *(f"{before} {after}" for before, after in _NEIGHBOURS),
    *(name for name, _ in FIRST_BYTES),
    *(f"letter near {name}" for name in ACCENTED),
)


def _class_of_each_byte() -> NDArray[np.uint8]:
    table = np.zeros(256, np.uint8)
    for index, (_, members) in enumerate(_CLASSES):
        table[list(members)] = index
    return table


_CLASS_OF = _class_of_each_byte()
_PAIRS = np.array([_INDEX[before] * _SIZE + _INDEX[after] for before, after in _NEIGHBOURS])
_SINGLES = np.array([_INDEX[name] for name, _ in FIRST_BYTES])
_ACCENTS = np.array([_INDEX[name] for name in ACCENTED])
_WEIGHTS = np.array([TOKENS_PER_UNIT.get(unit, 0.0) for unit in UNITS])


def features(text: str) -> NDArray[np.int64]:
    """How many there are of each of `UNITS`."""
    # A lone surrogate is no text a tokenizer takes; it counts as the mark that replaces it.
    raw = b"\n" + text.encode("utf-8", "replace")
    classes = _CLASS_OF[np.frombuffer(raw, np.uint8)]
    pairs = classes[:-1].astype(np.uint16)
    pairs *= _SIZE
    pairs += classes[1:]
    found = np.bincount(pairs, minlength=_SIZE * _SIZE)
    single = found.reshape(_SIZE, _SIZE).sum(axis=0)
    near_accents = np.minimum(single[_INDEX["lower"]], LETTERS_PER_ACCENT * single[_ACCENTS])
    return np.concatenate((found[_PAIRS], single[_SINGLES], near_accents))


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
    return max(1, round(float(_WEIGHTS @ features(text))))
