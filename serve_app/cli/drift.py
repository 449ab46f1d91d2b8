"""What `quantroute profile --against` says of what moved."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from serve_app.cli.options import fail
from serve_app.cli.store_options import Target, target

if TYPE_CHECKING:
    from profiles.measuring.profiler import FleetRun
    from serve_app.core.catalog import Catalog

ACTIVE = "active"
DRIFTED = 3


def catalog_before(against: str, store: str | None, fleet: Path) -> Catalog:
    """The active catalog, or version `against`, before anything is measured.

    Before, because a folder that was never published in is its own store: measuring changes it.
    """
    from serve_app.core.catalog_errors import CatalogError

    try:
        return asyncio.run(_load(target(store, fleet, None), against))
    except (CatalogError, ValueError) as exc:
        fail(f"{exc}\nthere is nothing to compare with: publish first, or go without --against")


async def _load(where: Target, against: str) -> Catalog:
    async with where.opened() as store:
        return await (store.load() if against == ACTIVE else store.version(against))


def show_drift(before: Catalog, run: FleetRun, folder: Path, *, as_json: bool) -> bool:
    """Prints what moved, on standard error beside JSON, and writes `drift.json` into `folder`.

    Returns whether anything did.
    """
    from profiles.drift.report import drift_lines, drift_report, write_drift
    from profiles.drift.tolerance import Tolerances

    report = drift_report(before, [written.profile for written in run.written], Tolerances())
    for line in drift_lines(report):
        typer.echo(line, err=as_json)
    typer.echo(f"written to {write_drift(report, folder)}", err=as_json)
    return report.drifted
