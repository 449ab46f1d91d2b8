"""Makes matplotlib's SVG part of the page: its colours by name, its ids unique, no ballast."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree as ET

from markupsafe import Markup

from profiles.reports.style import PAGE_COLOURS

BALLAST = {"metadata", "style"}
UNPAINTED = "fill:none"
GEOMETRY = {"d", "x", "y", "width", "height", "transform"}
NUMBER = re.compile(r"-?\d+\.\d+")
UNTURNED = re.compile(r"rotate\(-?0 ")
REFERENCE = re.compile(r"#([\w-]+)")


def inlined(svg: str, *, alt: str, scope: str) -> Markup:
    """The drawing as an element of the page, with `alt` as its text. Ids open with `scope`."""
    root = ET.fromstring(svg)
    used = _references(root)
    frame = root.attrib["viewBox"]
    for element in root.iter():
        element.tag = _local(element.tag)
        element.text = _trimmed(element.text)
        element.tail = None
        element.attrib = dict(_attributes(element.attrib, used, scope))
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


def _trimmed(text: str | None) -> str | None:
    return None if text is None or not text.strip() else text


def _references(root: ET.Element) -> set[str]:
    return {
        name
        for element in root.iter()
        for attribute, value in element.attrib.items()
        if _local(attribute) != "d"
        for name in REFERENCE.findall(value)
    }


def _attributes(given: Mapping[str, str], used: set[str], scope: str) -> Iterator[tuple[str, str]]:
    for full_name, value in given.items():
        name = _local(full_name)
        if name == "id":
            if value in used:
                yield name, f"{scope}-{value}"
        elif name in {"href", "clip-path"}:
            yield name, REFERENCE.sub(rf"#{scope}-\1", value)
        elif name == "style":
            yield name, _page_style(value)
        elif name in GEOMETRY:
            if not UNTURNED.match(value):
                yield name, " ".join(NUMBER.sub(_rounded, value).split())
        else:
            yield name, value


def _page_style(style: str) -> str:
    parts = (part.strip() for part in style.split(";"))
    kept = (part for part in parts if not part.startswith("font-family"))
    named = ";".join(part.replace(": ", ":", 1) for part in kept)
    for colour, variable in PAGE_COLOURS.items():
        named = named.replace(colour, f"var({variable})")
    return named


def _rounded(match: re.Match[str]) -> str:
    return f"{float(match[0]):.1f}".removesuffix(".0")
