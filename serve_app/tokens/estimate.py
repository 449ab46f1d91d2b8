"""Estimates tokens from a text's bytes, in microseconds.

A tokenizer ends a token where neighbours seldom stand together: between kinds of characters, and
between letters that are rare neighbours in what it was made from, which is mostly English. So each
character counts by itself and the one before it. Characters that are not ASCII count by their
script, which the first byte of UTF-8 tells, or for some the second.
"""

from __future__ import annotations

import json

import numpy as np
from numpy.typing import NDArray

from serve_app.package_files import package_file

# Written by `python -m profiles.training.fit_token_estimate`.
WEIGHTS = package_file("serve_app/tokens/weights.json")
# Longer texts are estimated from three slices of this many characters.
SAMPLE_CHARS = 20_000

LETTERS: tuple[tuple[str, bytes], ...] = tuple(
    (chr(letter), bytes((letter,))) for letter in range(0x61, 0x7B)
)
OTHER_ASCII: tuple[tuple[str, bytes], ...] = (
    ("space", b" "),
    ("line", b"\n\r\t"),
    ("digit", b"0123456789"),
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
SCRIPT_LEADS: tuple[tuple[str, bytes], ...] = (("e0", b"\xe0"), ("e1", b"\xe1"))
SECOND_BYTES: tuple[tuple[str, bytes], ...] = (
    ("80", bytes(range(0x80, 0x83))),
    ("83", b"\x83"),
    ("84", bytes((*range(0x84, 0xA4), *range(0xBC, 0xC0)))),
    *((f"{first:x}", bytes((first, first + 1))) for first in range(0xA4, 0xBC, 2)),
)
_CLASSES = dict((*LETTERS, *OTHER_ASCII, *FIRST_BYTES, *SCRIPT_LEADS, *SECOND_BYTES))
_INDEX = {name: index for index, name in enumerate(_CLASSES)}
_SIZE = len(_CLASSES)


def _cells_by_unit() -> dict[str, list[int]]:
    """What is counted together, by name, as cells of the square of neighbouring classes."""

    def cells(before: list[str], after: list[str]) -> list[int]:
        return [_INDEX[x] * _SIZE + _INDEX[y] for x in before for y in after]

    letters = [name for name, _ in LETTERS]
    ascii_groups = {"letter": letters, **{name: [name] for name, _ in OTHER_ASCII}}
    return {
        **{f"{x} {y}": cells([x], [y]) for x in (*letters, "space") for y in letters},
        **{
            f"{x} {y}": cells(before, after)
            for x, before in ascii_groups.items()
            for y, after in ascii_groups.items()
            if y != "letter" or x not in ("letter", "space")
        },
        **{unit: cells(list(_CLASSES), [unit]) for unit in FIRST_BYTE_UNITS},
        **{unit: cells(*([part] for part in unit.split())) for unit in SCRIPT_UNITS},
    }


FIRST_BYTE_UNITS = tuple(name for name, _ in FIRST_BYTES)
SCRIPT_UNITS = tuple(f"{lead} {second}" for lead, _ in SCRIPT_LEADS for second, _ in SECOND_BYTES)
_CELLS = _cells_by_unit()
UNITS = tuple(_CELLS)
_CLASS_OF = np.zeros(256, np.uint8)
for index, members in enumerate(_CLASSES.values()):
    _CLASS_OF[list(members)] = index
_TOKENS = np.zeros(_SIZE * _SIZE)
for fitted, tokens in json.loads(WEIGHTS.read_text("utf-8"))["tokens_per_unit"].items():
    _TOKENS[_CELLS[fitted]] += tokens


def features(text: str) -> NDArray[np.int64]:
    """How many there are of each of `UNITS`; what the weights are fitted on."""
    found = np.bincount(_neighbours(text), minlength=_SIZE * _SIZE)
    return np.array([found[cells].sum() for cells in _CELLS.values()])


def estimate_tokens(text: str) -> int:
    """A sum over neighbouring characters: in bounded time, whatever the length of the text."""
    if len(text) <= 3 * SAMPLE_CHARS:
        return _weighed(text)
    middle = (len(text) - SAMPLE_CHARS) // 2
    sample = text[:SAMPLE_CHARS] + text[middle : middle + SAMPLE_CHARS] + text[-SAMPLE_CHARS:]
    return round(_weighed(sample) * len(text) / len(sample))


def _weighed(text: str) -> int:
    return max(1, round(float(_TOKENS[_neighbours(text)].sum()))) if text else 0


def _neighbours(text: str) -> NDArray[np.uint16]:
    """A cell of the square for each byte and the one before it."""
    # A lone surrogate is no text a tokenizer takes; it counts as the mark that replaces it.
    raw = b" " + text.encode("utf-8", "replace")
    classes = _CLASS_OF[np.frombuffer(raw, np.uint8)]
    cells = classes[:-1].astype(np.uint16)
    cells *= _SIZE
    cells += classes[1:]
    return cells
