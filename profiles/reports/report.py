"""A catalog as one self-contained HTML page, and its figures as PNG files.

Shows the catalog's figures and asks the core what would be chosen. It measures nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from profiles.reports.figures.curves import load_figure
from profiles.reports.figures.figure import png_of
from profiles.reports.figures.intervals import accuracy_figures, parent_figures
from profiles.reports.figures.style import Marks, marks_of
from profiles.reports.figures.surfaces import surface_figures
from profiles.reports.figures.trade_offs import front_figure, wins_figure
from profiles.reports.findings import findings
from profiles.reports.page import Body, html_of
from profiles.reports.pareto import dominances, standings
from profiles.reports.summary import summary
from profiles.reports.typical import CHEAPEST, loads_of, typical_request
from profiles.reports.wins import win_maps
from serve_app.atomic_write import write_atomically
from serve_app.core.catalog import Catalog
from serve_app.core.policy import Policy
from serve_app.core.request import Constraints

PAGE = "report.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFiles:
    """What was written."""

    html: Path
    pngs: tuple[Path, ...]


def write_report(
    catalog: Catalog,
    out: Path,
    *,
    title: str,
    notes: Sequence[str] = (),
    policy: Policy | None = None,
    defaults: Constraints | None = None,
) -> ReportFiles:
    """Writes the report of `catalog` into the folder `out`.

    `notes` stand at the top of the page, as they are: what failed, what was changed. `policy`
    and `defaults` are the fleet's; without a policy the cheapest pair that meets the bounds
    wins. The same input gives the same files. Raises `OSError`.
    """
    marks = marks_of(catalog.profiles)
    body = None
    if catalog.profiles:
        body = _compared(catalog, marks, policy, defaults or Constraints())
    out.mkdir(parents=True, exist_ok=True)
    pngs = {out / f"{drawing.name}.png": drawing for drawing in (body.drawings if body else ())}
    for path, drawing in pngs.items():
        path.write_bytes(png_of(drawing))
    html = out / PAGE
    write_atomically(html, html_of(catalog, marks, body, title=title, notes=notes))
    return ReportFiles(html=html, pngs=tuple(pngs))


def _compared(catalog: Catalog, marks: Marks, policy: Policy | None, defaults: Constraints) -> Body:
    """All pairs at the middle load, by the typical request."""
    request = typical_request(catalog, defaults, policy or CHEAPEST)
    loads = loads_of(catalog)
    concurrency = loads[len(loads) // 2]
    places = standings(catalog, request, concurrency=concurrency)
    dominated = dominances(places)
    maps = win_maps(catalog, request)
    tokens = request.prompt_tokens
    return Body(
        findings=findings(catalog, places, dominated, marks),
        groups=summary(catalog, prompt_tokens=tokens),
        request=request,
        concurrency=concurrency,
        by_fleet=policy is not None,
        maps=maps,
        wins=wins_figure(maps, marks),
        front=front_figure(places, dominated, marks),
        load=load_figure(catalog, marks, prompt_tokens=tokens),
        surfaces=surface_figures(catalog, marks),
        accuracy=accuracy_figures(catalog, marks) + parent_figures(catalog, marks),
    )
