"""The page on validation names every threshold with its value, and every check."""

from __future__ import annotations

import re
from dataclasses import fields

from profiles.validation.hints import HINTS
from profiles.validation.thresholds import (
    EIGHT_BIT,
    FOUR_BIT,
    SMALL_EIGHT_BIT,
    SMALL_FOUR_BIT,
    UNQUANTIZED,
    Thresholds,
)
from tests.paths import REPOSITORY

PAGE = (REPOSITORY / "docs" / "operate" / "validation.md").read_text()
COLUMNS = (UNQUANTIZED, EIGHT_BIT, FOUR_BIT, SMALL_EIGHT_BIT, SMALL_FOUR_BIT)


def rows() -> dict[str, list[str]]:
    """The other cells of each table row by the names in its first one."""
    told: dict[str, list[str]] = {}
    for line in PAGE.splitlines():
        first, *others = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| "):
            for name, value in zip(re.findall(r"`(\w+)`", first), _shared(others), strict=False):
                told[name] = value
    return told


def _shared(cells: list[str]) -> list[list[str]]:
    """Where a row names two thresholds, its second cell holds both values."""
    each = cells[0].split(", ") if cells else []
    return [[value] for value in each] if len(each) > 1 else [cells]


def test_every_threshold_is_told_with_its_values() -> None:
    told = rows()

    for threshold in fields(Thresholds):
        values = [getattr(column, threshold.name) for column in COLUMNS]
        shown = [float(value) for value in told[threshold.name] if re.fullmatch(r"[\d.]+", value)]
        assert shown == (values if len(shown) == len(COLUMNS) else values[:1]), threshold.name


def test_every_check_is_explained() -> None:
    for name in HINTS:
        assert name in PAGE, name
