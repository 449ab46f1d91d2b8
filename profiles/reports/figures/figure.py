"""A figure is one or more panels, each narrow enough for a phone; drawn as SVG and as PNG.

matplotlib's SVG becomes part of the page: its colours by name, its ids unique, no ballast.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO, StringIO
from typing import TypeVar
from xml.etree import ElementTree as ET

from markupsafe import Markup
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from profiles.reports.figures.layout import POINTS_PER_INCH, Canvas
from profiles.reports.figures.style import PAGE_COLOURS, PAPER, Mark, look

BALLAST = {"metadata", "style"}
UNPAINTED = "fill:none"
GEOMETRY = {"d", "x", "y", "width", "height", "transform"}
NUMBER = re.compile(r"-?\d+\.\d+")
UNTURNED = re.compile(r"rotate\(-?0 ")
REFERENCE = re.compile(r"#([\w-]+)")
# In points, which are the pixels of the page.
PANEL_WIDTH = 350
PNG_COLUMNS = 3
PNG_DPI = 144
PNG_HEADING_HEIGHT = 36
PNG_KEY_HEIGHT = 20


T = TypeVar("T")


def inlined(svg: str, *, alt: str, scope: str) -> Markup:
    """The drawing as an element of the page, with `alt` as its text. Ids open with `scope`."""
    root = ET.fromstring(svg)
    for element in root.iter():
        element.tag = _local(element.tag)
        element.attrib = {_local(name): value for name, value in element.attrib.items()}
        element.tail = None
        if not (element.text or "").strip():
            element.text = None
    frame = root.attrib["viewBox"]
    values = (v for e in root.iter() for name, v in e.attrib.items() if name != "d")
    used = {name for value in values for name in REFERENCE.findall(value)}
    for element in root.iter():
        element.attrib = dict(_page_attributes(element.attrib, used, scope))
    content = "".join(ET.tostring(e, encoding="unicode") for e in _drawn(root))
    opening = Markup('<svg role="img" aria-label="{}" viewBox="{}">').format(alt, frame)
    return opening + Markup(content) + Markup("</svg>")


def _drawn(parent: ET.Element) -> list[ET.Element]:
    """The children that show or define something, out of groups that say nothing themselves."""
    drawn: list[ET.Element] = []
    for child in parent:
        if child.tag in BALLAST or (child.tag == "path" and child.get("style") == UNPAINTED):
            continue
        inner = _drawn(child)
        if child.tag == "g" and not child.attrib:
            drawn += inner
        elif inner or child.tag not in {"g", "defs"}:
            child[:] = inner
            drawn.append(child)
    return drawn


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _page_attributes(
    given: Mapping[str, str], used: set[str], scope: str
) -> Iterator[tuple[str, str]]:
    """Ids that something refers to, in their scope; the page's colours; numbers to a tenth."""
    for name, value in given.items():
        if name == "id":
            if value in used:
                yield name, f"{scope}-{value}"
        elif name in {"href", "clip-path"}:
            yield name, REFERENCE.sub(rf"#{scope}-\1", value)
        elif name == "style":
            parts = (part.strip().replace(": ", ":", 1) for part in value.split(";"))
            style = ";".join(part for part in parts if not part.startswith("font-family"))
            for colour, variable in PAGE_COLOURS.items():
                style = style.replace(colour, f"var({variable})")
            yield name, style
        elif name not in GEOMETRY:
            yield name, value
        elif not UNTURNED.match(value):
            shorter = NUMBER.sub(lambda n: f"{float(n[0]):.1f}".removesuffix(".0"), value)
            yield name, " ".join(shorter.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One drawing. `alt` describes it in words."""

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
        for row, marks in enumerate(keys):
            height = 1 - (row + 0.5) / len(keys)
            for column, mark in enumerate(marks):
                left = (column + 0.04) / columns
                bottom.add_artist(
                    Line2D([left], [height], marker=mark.shape, color=mark.colour, linestyle="none")
                )
                bottom.text(left + 0.04 / columns, height, mark.label, va="center")
        FigureCanvasAgg(sheet).print_png(buffer, metadata={"Software": None})  # type: ignore[no-untyped-call]
    return buffer.getvalue()


def _rows(items: Sequence[T], columns: int) -> list[Sequence[T]]:
    return [items[start : start + columns] for start in range(0, len(items), columns)]


def _sheet(width: float, height: float) -> Figure:
    return Figure(figsize=(width / POINTS_PER_INCH, height / POINTS_PER_INCH))
