"""The figures' colours: the same in the style and on the page, and readable in both schemes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from matplotlib.colors import to_rgb

from profiles import reports
from profiles.reports.figures.style import PAGE_COLOURS, SERIES, SHAPES, marks_of

CSS = (Path(reports.__file__).parent / "page.css").read_text()
LIGHT, DARK = (
    dict(re.findall(r"(--[\w-]+): (#\w{6})", part)) for part in CSS.split("@media", 2)[:2]
)


def contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_light_page_has_the_colours_that_figures_are_drawn_in() -> None:
    assert {name: LIGHT[name] for name in PAGE_COLOURS.values()} == {
        name: colour for colour, name in PAGE_COLOURS.items()
    }


def test_the_dark_page_has_a_value_of_its_own_for_each() -> None:
    assert set(PAGE_COLOURS.values()) <= set(DARK)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_letters_can_be_read_on_and_beside_every_pair_s_colour(scheme: dict[str, str]) -> None:
    for index in range(len(SERIES)):
        assert contrast(scheme[f"--series-{index}"], scheme["--paper"]) >= 4.5, index


def test_a_dozen_pairs_have_letters_and_shapes_of_their_own() -> None:
    marks = marks_of(f"pair-{index}" for index in range(12)).values()

    assert len({mark.letter for mark in marks}) == len({mark.shape for mark in marks}) == 12
    assert len(SHAPES) == 12


def test_letters_go_on_after_z() -> None:
    marks = list(marks_of(f"pair-{index}" for index in range(30)).values())

    assert [mark.letter for mark in marks[24:28]] == ["Y", "Z", "AA", "AB"]
