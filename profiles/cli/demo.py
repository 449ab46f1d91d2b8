"""`quantroute demo`: what the router does with a dozen requests, on a fleet that runs."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

from profiles.cli.options import JsonOption, fail
from serve_app.package_files import package_file

REQUESTS = package_file("profiles/demo/requests.jsonl")


def demo(
    url: Annotated[str, typer.Option(help="A running router.")] = "http://127.0.0.1:8000",
    requests: Annotated[
        Path, typer.Option(help="The requests, as JSONL.", show_default="a dozen that ship")
    ] = REQUESTS,
    as_json: JsonOption = False,
) -> None:
    """Send a dozen requests to a running fleet, and the same ones to its largest pair.

    They differ in difficulty and constraints. The table shows for each which pair the router chose
    and why, predicted and actual time, tokens, cost, and whether the answer is right.
    """
    import httpx2
    from rich.console import Console
    from rich.live import Live

    from profiles.demo import run, table
    from profiles.demo.requests import RequestsInvalid, read_requests

    try:
        groups = read_requests(requests)
    except (OSError, RequestsInvalid) as exc:
        fail(str(exc))
    console = Console(stderr=as_json)
    rows: list[run.Row] = []

    async def ask_all() -> str:
        async with httpx2.AsyncClient(base_url=url, timeout=run.TIMEOUT_S) as client:
            largest = await run.largest_pair(client)
            with Live(console=console, auto_refresh=False, vertical_overflow="visible") as live:

                def show(row: run.Row) -> None:
                    rows.append(row)
                    live.update(table.table(rows, largest), refresh=True)

                await run.run(groups, client, largest=largest, show=show)
        return largest

    try:
        largest = asyncio.run(ask_all())
    except run.NoFleet as exc:
        fail(str(exc))
    if as_json:
        typer.echo(json.dumps(table.as_json(rows, largest), indent=2))
    else:
        console.print()
        console.print(table.summary(rows, largest), soft_wrap=True)
