"""The report as HTML: fills `page.html.j2`. Every value is escaped on its way in."""

from __future__ import annotations

from collections.abc import Sequence
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What the page has of at least one pair, compared by `request`.

    `concurrency` is the load under which the front stands, and `by_fleet` is whether a fleet's
    own policy decided.
    """

    findings: tuple[str, ...]
    groups: tuple[Group, ...]
    request: TypicalRequest
    concurrency: int
    by_fleet: bool
    maps: tuple[WinMap, ...]
    wins: Drawing
    front: Drawing
    load: Drawing
    surfaces: tuple[Drawing, ...]
    accuracy: tuple[Drawing, ...]

    @property
    def drawings(self) -> tuple[Drawing, ...]:
        return (self.wins, self.front, self.load, *self.surfaces, *self.accuracy)


def html_of(
    catalog: Catalog, marks: Marks, body: Body | None, *, title: str, notes: Sequence[str]
) -> str:
    """The whole page: nothing in it is fetched from anywhere. No `body` where no profile is."""

    def svgs(drawing: Drawing) -> list[Markup]:
        panels = enumerate(drawing.panels)
        return [svg_of(panel, scope=f"{drawing.name}-{index}") for index, panel in panels]

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("profiles.reports", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        plain=plain, svgs=svgs, duration=duration, quantity=quantity, at_once=at_once
    )
    origins = [profile.provenance for profile in catalog]
    days = sorted({plain(o.date)[:10] for o in origins if o.origin == "measured"})
    return environment.get_template("page.html.j2").render(
        title=title,
        notes=notes,
        catalog=catalog,
        marks=marks,
        body=body,
        measured=" to ".join(dict.fromkeys((days[0], days[-1]))) if days else "",
        engines=sorted({f"{p.engine} {p.engine_version}" for p in catalog}),
        machines=sorted({origin.machine for origin in origins} - {""}),
        published=[p for p in catalog if p.provenance.origin == "published"],
    )
