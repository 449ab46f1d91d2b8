"""Drawings as part of a page: their own ids, the page's colours, text as it was."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from matplotlib.figure import FigureBase

from profiles.reports.figures.figure import Drawing, Panel, png_of, svg_of
from profiles.reports.figures.style import INK, PAGE_COLOURS, SERIES

TEXT = f'id="a" url(#b) {INK} $x_1$ <b>&amp;'


def draw(canvas: FigureBase) -> None:
    axes = canvas.subplots()
    axes.plot([1, 2], [3, 4], "o-", color=SERIES[0])
    axes.set_xlabel(TEXT)


PANEL = Panel(alt='Two "points" <rising>', height=200, draw=draw)


def test_colours_are_the_page_s_variables() -> None:
    svg = svg_of(PANEL, scope="one")

    assert f"var({PAGE_COLOURS[SERIES[0]]})" in svg
    assert SERIES[0] not in svg


def test_text_stays_text_whatever_it_looks_like() -> None:
    texts = [text.text for text in ET.fromstring(svg_of(PANEL, scope="one")).iter("text")]

    assert TEXT in texts


def test_ids_are_unique_over_a_page_and_references_find_them() -> None:
    page = svg_of(PANEL, scope="one") + svg_of(PANEL, scope="two")
    ids = re.findall(r' id="([^"]+)"', re.sub(r">[^<]*<", "><", page))

    assert len(ids) == len(set(ids)) > 0
    assert set(re.findall(r'(?:href="|url\()#([\w-]+)', re.sub(r">[^<]*<", "><", page))) == set(ids)


def test_the_alternative_text_is_an_attribute_that_says_all_of_it() -> None:
    root = ET.fromstring(svg_of(PANEL, scope="one"))

    assert root.get("aria-label") == PANEL.alt
    assert root.get("role") == "img"


def test_the_same_panel_gives_the_same_bytes() -> None:
    sheet = Drawing(name="name", title="Title", caption="", panels=(PANEL,) * 4)

    assert svg_of(PANEL, scope="one") == svg_of(PANEL, scope="one")
    assert png_of(sheet) == png_of(sheet)
