"""The report as HTML: fills `page.html.j2`. Every value is escaped on its way in."""

from __future__ import annotations

from dataclasses import dataclass

import jinja2
from markupsafe import Markup

from profiles.reports.figures.figure import Drawing, svg_of
from profiles.reports.figures.style import Marks
from profiles.reports.figures.trade_offs import at_once
from profiles.reports.formatting import duration, plain, quantity
from profiles.reports.summary import Group
from profiles.reports.typical import TypicalRequest
from profiles.reports.wins import WinMap
from serve_app.core.catalog import Catalog
from serve_app.core.profile import Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How the pairs were compared: by which request, under which loads, by whose policy.

    `concurrency` is the load under which the front stands.
    """

    request: TypicalRequest
    concurrency: int
    by_fleet: bool
    maps: tuple[WinMap, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What there is to say of at least one pair."""

    findings: tuple[str, ...]
    groups: tuple[Group, ...]
    comparison: Comparison
    wins: Drawing
    front: Drawing
    load: Drawing
    surfaces: tuple[Drawing, ...]
    accuracy: tuple[Drawing, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """All that stands on the page; no `body` when there is no profile."""

    title: str
    notes: tuple[str, ...]
    catalog: Catalog
    marks: Marks
    body: Body | None

    @property
    def drawings(self) -> tuple[Drawing, ...]:
        if self.body is None:
            return ()
        body = self.body
        return (body.wins, body.front, body.load, *body.surfaces, *body.accuracy)

    @property
    def measured(self) -> str:
        """When, from the first day to the last."""
        measured = [p.provenance for p in self.catalog if p.provenance.origin == "measured"]
        days = sorted({plain(origin.date)[:10] for origin in measured})
        return " to ".join(dict.fromkeys((days[0], days[-1]))) if days else ""

    @property
    def engines(self) -> tuple[str, ...]:
        return tuple(sorted({f"{p.engine} {p.engine_version}" for p in self.catalog}))

    @property
    def machines(self) -> tuple[str, ...]:
        return tuple(sorted({p.provenance.machine for p in self.catalog} - {""}))

    @property
    def published(self) -> tuple[Profile, ...]:
        return tuple(p for p in self.catalog if p.provenance.origin == "published")


def html_of(contents: Contents) -> str:
    """The whole page: nothing in it is fetched from anywhere."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("profiles.reports", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        plain=plain, svgs=_svgs, duration=duration, quantity=quantity, at_once=at_once
    )
    return environment.get_template("page.html.j2").render(page=contents)


def _svgs(drawing: Drawing) -> list[Markup]:
    return [
        svg_of(panel, scope=f"{drawing.name}-{index}") for index, panel in enumerate(drawing.panels)
    ]
