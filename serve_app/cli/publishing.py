"""`quantroute publish`."""

from __future__ import annotations

import asyncio
import getpass
import json
from pathlib import Path
from typing import Annotated

import typer

from serve_app.cli.options import JsonOption, fail

DATA = Path("profiles/data")


def publish(
    folder: Annotated[Path, typer.Argument(help="Profiles to publish.")] = DATA,
    store: Annotated[
        str, typer.Option(help="redis://host:port/db, or a folder.")
    ] = "redis://127.0.0.1:6379/0",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a folder of profiles the active catalog; routers use it within 2 seconds."""
    from serve_app.core.errors import CatalogError

    try:
        version, changes = asyncio.run(_publish(folder, store, dry_run=dry_run))
    except (CatalogError, ValueError, OSError) as exc:
        fail(str(exc))
    if as_json:
        typer.echo(json.dumps({"version": version, "changes": changes}))
        return
    for change in changes:
        typer.echo(change)
    typer.echo(f"active: version {version}" if version else "dry run: nothing was written")


async def _publish(folder: Path, url: str, *, dry_run: bool) -> tuple[str | None, tuple[str, ...]]:
    from profiles.publishing import publish as publishing
    from serve_app.adapters.stores import open_store

    store = open_store(url)
    try:
        if dry_run:
            return None, await publishing.preview(folder, store)
        published = await publishing.publish(folder, store, by=getpass.getuser())
    finally:
        await store.close()
    return published.version, published.changes
