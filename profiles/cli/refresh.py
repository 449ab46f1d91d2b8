"""`quantroute refresh`: the weekly run, as a Ray job or by hand."""

from __future__ import annotations

import asyncio
import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from profiles.cli.fleet_options import fleet_args, pair_specs, profiling_plan
from profiles.cli.options import (
    DEFAULT_CONFIG,
    GOLDEN,
    FleetOption,
    ItemsOption,
    JsonOption,
    fail,
    failing_on,
    whole_numbers,
)
from profiles.cli.profile import DRIFTED
from profiles.cli.store_options import FloorOption, StoreOption, publisher, target
from serve_app.core.catalog import Catalog
from serve_app.core.errors import CatalogError, StoreUnavailable

if TYPE_CHECKING:
    from profiles.drift.refresh import Refreshed
    from serve_app.settings import RoutingSettings

NEED_A_LOOK = frozenset({"demoted", "not eligible", "refused"})


def refresh(
    fleet: FleetOption = DEFAULT_CONFIG,
    store: StoreOption = None,
    out: Annotated[
        Path, typer.Option(help="Where measurements, the catalog and the report are left.")
    ] = Path("build/refresh"),
    floor: FloorOption = None,
    items: ItemsOption = GOLDEN,
    concurrency: Annotated[
        str | None, typer.Option(metavar="N,N...", help="As for `quantroute profile`.")
    ] = None,
    prompt_tokens: Annotated[
        str | None, typer.Option(metavar="N,N...", help="As for `quantroute profile`.")
    ] = None,
    rounds: Annotated[int | None, typer.Option(help="As for `quantroute profile`.")] = None,
    demote_at: Annotated[
        float | None,
        typer.Option(
            min=0.01, help="A pair this much slower than before may not serve: 0.25 is a quarter."
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with what an interrupted run left in --out.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure every pair of the fleet again, publish what passes, demote what drifted.

    Each pair is measured alone, judged by the golden gate and compared with its last version that
    was eligible. Ends with 0 when all is well, 3 when a pair is demoted, not eligible or refused, 1
    when one could not be measured or the store could not be reached.
    """
    from profiles.drift import refresh as weekly
    from profiles.drift.change import Tolerances
    from profiles.drift.steps import FleetProfiler, GoldenGate
    from profiles.errors import MeasurementUnusable
    from profiles.profiling.grid import Grid
    from profiles.profiling.point import StopRule

    where = target(store, fleet, floor)
    args = fleet_args(fleet)
    specs = pair_specs(args, [])
    grid, rule = Grid(), StopRule()
    with failing_on(MeasurementUnusable, ValueError, code=2):
        if concurrency is not None:
            grid = replace(grid, concurrency=whole_numbers("--concurrency", concurrency))
        if prompt_tokens is not None:
            grid = replace(grid, prompt_tokens=whole_numbers("--prompt-tokens", prompt_tokens))
        if rounds is not None:
            rule = replace(rule, most_rounds=rounds)
    plan = profiling_plan(
        args, fleet, items, grid, rule, out=out / "measured", raw=out / "raw", resume=resume
    )

    async def refreshed_fleet() -> Refreshed:
        tolerances = Tolerances() if demote_at is None else Tolerances(demote=demote_at)
        async with where.opened() as opened:
            return await weekly.refresh(
                specs,
                opened,
                profiler=FleetProfiler(plan),
                gate=GoldenGate(out / "validation"),
                rules=weekly.Rules(tolerances=tolerances, floor=where.floor),
                out=out,
                by=publisher(),
            )

    try:
        refreshed = asyncio.run(refreshed_fleet())
    except StoreUnavailable as exc:
        later = shlex.join(["quantroute", "publish", str(out / weekly.CATALOG), *where.options])
        fail(f"{exc}\nnothing is lost, publish what was measured with: {later}")
    except (CatalogError, ValueError, OSError) as exc:
        fail(str(exc))
    _report(refreshed, args.routing, out, as_json=as_json)
    actions = {each.action for each in refreshed.outcomes}
    if "not measured" in actions:
        raise typer.Exit(1)
    if actions & NEED_A_LOOK:
        raise typer.Exit(DRIFTED)


def _report(refreshed: Refreshed, routing: RoutingSettings, out: Path, *, as_json: bool) -> None:
    """Leaves the run as JSON, Markdown and a page, and prints what became of each pair."""
    from profiles.drift.report import refreshed_document, write_refreshed
    from profiles.reports import write_report

    written = list(write_refreshed(refreshed, out))
    profiles = [outcome.profile for outcome in refreshed.outcomes if outcome.profile is not None]
    lines = [
        f"{each.pair}: {each.action}" + (f": {each.reason}" if each.reason else "")
        for each in refreshed.outcomes
    ]
    if profiles:
        page = write_report(
            Catalog.of(refreshed.version or refreshed.against or "", profiles),
            out / "report",
            title="Profiles measured again",
            notes=lines,
            policy=routing.policy,
            defaults=routing.defaults,
        )
        written.append(page.html)
    if as_json:
        typer.echo(json.dumps(refreshed_document(refreshed)))
    else:
        lines.append(f"active: version {refreshed.version or refreshed.against}")
        lines.append(f"report: {', '.join(map(str, written))}")
        typer.echo("\n".join(lines))
