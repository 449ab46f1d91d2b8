"""How figures look: colours, marks of pairs, matplotlib's settings.

Colours are those of the light page. The page knows each by name and gives it another value in
the dark (`page.css`), so every colour here that is not part of a heat map stands there as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from string import ascii_uppercase
from typing import Any
from warnings import catch_warnings, filterwarnings

import matplotlib as mpl

from profiles.reports.formatting import plain

INK = "#1c2128"
MUTED = "#5a6472"
RULE = "#d4d9e0"
PAPER = "#ffffff"
EMPTY = "#eceff3"
# Distinguishable with any colour vision together with the shapes and letters; 4.5:1 on white.
SERIES = (
    "#0b62a8",
    "#b84f06",
    "#0b7d5b",
    "#8b3f8f",
    "#8a6a00",
    "#c2336b",
    "#0c7489",
    "#565f6b",
)
SHAPES = ("o", "s", "^", "D", "v", "P", "X", "p", "<", "h", ">", "*")
PAGE_COLOURS: Mapping[str, str] = {
    INK: "--ink",
    MUTED: "--muted",
    RULE: "--rule",
    PAPER: "--paper",
    EMPTY: "--empty",
    **{colour: f"--series-{index}" for index, colour in enumerate(SERIES)},
}

LONGEST_LABEL = 24

_LOOK: Mapping[Any, object] = {
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 10.5,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "figure.facecolor": "none",
    "figure.titlesize": 12,
    "figure.titleweight": "bold",
    "grid.color": RULE,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "lines.linewidth": 1.8,
    "svg.fonttype": "none",
    "svg.hashsalt": "quantroute",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How one pair differs from the others: a letter, a colour and a shape, the same everywhere."""

    pair: str
    letter: str
    colour: str
    css_colour: str
    shape: str

    @property
    def label(self) -> str:
        """Letter and name."""
        return f"{self.letter}  {self.name}"

    @property
    def name(self) -> str:
        """Cut in its middle where it is long: pairs of one model differ at their ends."""
        return middle_cut(self.pair, LONGEST_LABEL)


Marks = Mapping[str, Mark]


def marks_of(pairs: Iterable[str]) -> Marks:
    colours = zip(pairs, cycle(SERIES), cycle(SHAPES), strict=False)
    return {
        pair: Mark(
            pair=pair,
            letter=_letter(index),
            colour=colour,
            css_colour=PAGE_COLOURS[colour],
            shape=shape,
        )
        for index, (pair, colour, shape) in enumerate(colours)
    }


def _letter(index: int) -> str:
    """A to Z, then AA, AB and so on."""
    before, place = divmod(index, len(ascii_uppercase))
    return (_letter(before - 1) if before else "") + ascii_uppercase[place]


def middle_cut(name: str, longest: int) -> str:
    shown = plain(name)
    if len(shown) <= longest:
        return shown
    head = (longest - 1) // 2
    return f"{shown[:head]}…{shown[head + 1 - longest :]}"


@contextmanager
def look() -> Iterator[None]:
    """Draws in our style, whatever else uses matplotlib here."""
    with mpl.rc_context(), catch_warnings():
        mpl.rcdefaults()
        mpl.rcParams.update(_LOOK)
        # A name in a script that the font lacks: the page draws it with the reader's own fonts.
        filterwarnings("ignore", message="Glyph .* missing from font")
        yield
