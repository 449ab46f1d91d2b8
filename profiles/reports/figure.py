"""A figure is one or more panels, each narrow enough for a phone; drawn as SVG and as PNG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO, StringIO
from typing import TypeVar

from markupsafe import Markup
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from profiles.reports.place import POINTS_PER_INCH, Canvas
from profiles.reports.style import PAPER, Mark, look
from profiles.reports.svg import inlined

# In points, which are the pixels of the page.
PANEL_WIDTH = 350
PNG_COLUMNS = 3
PNG_DPI = 144
PNG_HEADING_HEIGHT = 36
PNG_KEY_HEIGHT = 20


T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One drawing. `alt` says in words what it shows."""

    alt: str
    height: int
    draw: Callable[[Canvas], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """Panels under one title; `name` is that of its PNG file and of its place on the page.

    `key` has the pairs that the panels tell by mark alone.
    """

    name: str
    title: str
    caption: str
    panels: tuple[Panel, ...]
    key: tuple[Mark, ...] = ()


def svg_of(panel: Panel, *, scope: str) -> Markup:
    """The panel for the page. Text stays text and colours follow the page."""
    buffer = StringIO()
    with look():
        figure = _sheet(PANEL_WIDTH, panel.height)
        panel.draw(figure)
        # Not savefig: it draws everything twice, to let a layout settle that is settled here.
        FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None})  # type: ignore[no-untyped-call]
    return inlined(buffer.getvalue(), alt=panel.alt, scope=scope)


def png_of(drawing: Drawing) -> bytes:
    """All panels on one white sheet, under the title and above the key."""
    columns = min(PNG_COLUMNS, len(drawing.panels))
    heights = [max(panel.height for panel in row) for row in _rows(drawing.panels, columns)]
    keys = _rows(drawing.key, columns)
    parts = [PNG_HEADING_HEIGHT, sum(heights), PNG_KEY_HEIGHT * len(keys) or 1]
    buffer = BytesIO()
    with look():
        sheet = _sheet(columns * PANEL_WIDTH, sum(parts))
        sheet.set(dpi=PNG_DPI, facecolor=PAPER)
        top, middle, bottom = sheet.subfigures(3, 1, height_ratios=parts, squeeze=False).flat
        top.text(0.01, 0.5, drawing.title, va="center", weight="bold", size=14)
        places = middle.subfigures(len(heights), columns, height_ratios=heights, squeeze=False)
        for panel, place in zip(drawing.panels, places.flat, strict=False):
            panel.draw(place)
        _draw_key(bottom, keys, columns)
        FigureCanvasAgg(sheet).print_png(buffer, metadata={"Software": None})  # type: ignore[no-untyped-call]
    return buffer.getvalue()


def _draw_key(place: Canvas, keys: list[Sequence[Mark]], columns: int) -> None:
    for row, marks in enumerate(keys):
        height = 1 - (row + 0.5) / len(keys)
        for column, mark in enumerate(marks):
            left = (column + 0.04) / columns
            place.add_artist(
                Line2D([left], [height], marker=mark.shape, color=mark.colour, linestyle="none")
            )
            place.text(left + 0.04 / columns, height, mark.label, va="center")


def _rows(items: Sequence[T], columns: int) -> list[Sequence[T]]:
    return [items[start : start + columns] for start in range(0, len(items), columns)]


def _sheet(width: float, height: float) -> Figure:
    return Figure(figsize=(width / POINTS_PER_INCH, height / POINTS_PER_INCH))
