"""The report as HTML: fills `page.html.j2`. Every value is escaped on its way in."""

from __future__ import annotations

import jinja2

from profiles.reports.summary import summary
from serve_app.core.catalog import Catalog


def page_of(catalog: Catalog, *, title: str, notes: tuple[str, ...]) -> str:
    """The whole page."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("profiles.reports", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("page.html.j2")
    lengths = sorted({length for p in catalog for length in p.latency.prompt_tokens})
    middle = lengths[len(lengths) // 2] if lengths else 0
    return template.render(
        title=title,
        notes=notes,
        catalog=catalog,
        groups=summary(catalog, prompt_tokens=middle),
    )
