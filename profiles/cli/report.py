"""`quantroute report`: a folder of profiles as a page for people."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from profiles.cli.fleet_options import fleet_args
from profiles.cli.options import DATA, DEFAULT_CONFIG, JsonOption, fail, failing_on
from serve_app.core.errors import CatalogError

if TYPE_CHECKING:
    from serve_app.settings import RoutingSettings

REPORT = Path("build/report")


def report(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Profiles, or a folder used as store.")
    ] = DATA,
    fleet: Annotated[
        Path | None,
        typer.Option(
            help="The Serve configuration whose weights and defaults decide which pair wins; "
            f"{DEFAULT_CONFIG} where there is one, else the cheapest pair wins."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Where the page and its figures go.")] = REPORT,
    as_json: JsonOption = False,
) -> None:
    """Write an HTML page about a folder of profiles, and its figures as PNG files.

    The page needs no network. It shows latency surfaces, throughput against concurrency, accuracy
    with intervals, the Pareto front, and which pair the router would choose where.
    """
    from profiles.reports import write_report
    from serve_app.store.file_store import FileStore

    # A default file that does not exist leaves the choice to the price.
    named = fleet or (DEFAULT_CONFIG if DEFAULT_CONFIG.exists() else None)
    routing = fleet_args(named, code=2).routing if named else None
    with failing_on(CatalogError, OSError):
        catalog = asyncio.run(FileStore(folder).load())
        files = write_report(
            catalog,
            out,
            title=f"Profiles in {folder}",
            policy=routing.policy if routing else None,
            defaults=routing.defaults if routing else None,
        )
    if as_json:
        typer.echo(json.dumps({"html": str(files.html), "pngs": [str(p) for p in files.pngs]}))
        return
    pairs = "1 pair" if len(catalog) == 1 else f"{len(catalog)} pairs"
    typer.echo(f"{files.html}: {pairs}, catalog version {catalog.version}")
    typer.echo(f"{len(files.pngs)} figures as PNG in {out}")


def profiles_page(folder: Path, out: Path, routing: RoutingSettings) -> Path:
    """A page about the profile files in `folder`, whatever was published there."""
    from profiles.reports import write_report
    from serve_app.store.file_store import read_profiles

    try:
        return write_report(
            read_profiles(folder),
            out,
            title=f"Profiles in {folder}",
            policy=routing.policy,
            defaults=routing.defaults,
        ).html
    except (CatalogError, OSError) as exc:
        fail(f"the profiles are written, but the report is not: {exc}")
