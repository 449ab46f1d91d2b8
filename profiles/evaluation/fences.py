"""Finds in an answer what stands between ``` fences."""

from __future__ import annotations

import re
from collections.abc import Collection

# An answer cut off by its token limit may leave the last block open.
BLOCK = re.compile(
    r"^[ \t]*```[ \t]*([\w+-]*)[^\n]*\n(.*?)(?:^[ \t]*```|\Z)", re.DOTALL | re.MULTILINE
)


def fenced(answer: str, languages: Collection[str]) -> str | None:
    """The first block marked with one of `languages`, else the first without a mark."""
    blocks = [(mark.casefold(), text) for mark, text in BLOCK.findall(answer)]
    marked = (text for mark, text in blocks if mark in languages)
    unmarked = (text for mark, text in blocks if not mark)
    return next(marked, next(unmarked, None))
