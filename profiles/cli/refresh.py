"""`quantroute refresh`: the weekly run, as a Ray job or by hand."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from profiles.cli.fleet_options import pair_plan, pair_specs
from profiles.cli.options import (
    DEFAULT_CONFIG,
    GOLDEN,
    FleetOption,
    ItemsOption,
    JsonOption,
    fail,
    whole_numbers,
)
from profiles.cli.profile import DRIFTED
from profiles.cli.store_options import FloorOption, StoreOption, Target, publisher, target

if TYPE_CHECKING:
    from profiles.drift.refresh import Refreshed
    from profiles.profiling.engine import EngineSpec
    from profiles.profiling.grid import Grid
    from profiles.profiling.point import StopRule
    from profiles.profiling.profiler import ProfilingPlan
    from serve_app.settings import AppArgs

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
    from serve_app.core.errors import CatalogError, StoreUnavailable
    from serve_app.settings.config_file import ConfigFileError, read_config

    where = target(store, fleet, floor)
    try:
        args = read_config(fleet).args
    except ConfigFileError as exc:
        fail(str(exc))
    specs = pair_specs(args, [])
    plan = replace(
        _plan(args, fleet, out, items, _pace(concurrency, prompt_tokens, rounds)), resume=resume
    )
    try:
        refreshed = asyncio.run(_refresh(specs, plan, where, out, demote_at))
    except StoreUnavailable as exc:
        from profiles.drift.refresh import CATALOG

        later = shlex.join(["quantroute", "publish", str(out / CATALOG), *where.options])
        fail(f"{exc}\nnothing is lost, publish what was measured with: {later}")
    except (CatalogError, ValueError, OSError) as exc:
        fail(str(exc))
    _report(refreshed, args, out, as_json=as_json)


def _pace(
    concurrency: str | None, prompt_tokens: str | None, rounds: int | None
) -> tuple[Grid, StopRule]:
    """What is left out is as in `quantroute profile`."""
    from profiles.errors import MeasurementUnusable
    from profiles.profiling.grid import Grid
    from profiles.profiling.point import StopRule

    grid, rule = Grid(), StopRule()
    try:
        if concurrency is not None:
            grid = replace(grid, concurrency=whole_numbers("--concurrency", concurrency))
        if prompt_tokens is not None:
            grid = replace(grid, prompt_tokens=whole_numbers("--prompt-tokens", prompt_tokens))
        if rounds is not None:
            rule = replace(rule, most_rounds=rounds)
    except (MeasurementUnusable, ValueError) as exc:
        fail(str(exc), code=2)
    return grid, rule


def _plan(
    args: AppArgs, fleet: Path, out: Path, items: Path, pace: tuple[Grid, StopRule]
) -> ProfilingPlan:
    from profiles.profiling.profiler import ProfilingPlan

    return ProfilingPlan(
        out=out / "measured",
        raw=out / "raw",
        measured=pair_plan(args, fleet, items, *pace),
        questions=items.name,
        command=shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
    )


async def _refresh(
    specs: Sequence[EngineSpec],
    plan: ProfilingPlan,
    where: Target,
    out: Path,
    demote_at: float | None,
) -> Refreshed:
    from profiles.drift.change import Tolerances
    from profiles.drift.refresh import Rules, refresh
    from profiles.drift.steps import FleetProfiler, GoldenGate

    tolerances = Tolerances() if demote_at is None else Tolerances(demote=demote_at)
    async with where.opened() as store:
        return await refresh(
            specs,
            store,
            profiler=FleetProfiler(plan),
            gate=GoldenGate(out / "validation"),
            rules=Rules(tolerances=tolerances, floor=where.floor),
            out=out,
            by=publisher(),
        )


def _report(refreshed: Refreshed, args: AppArgs, out: Path, *, as_json: bool) -> None:
    """Leaves the run as JSON, Markdown and a page, and tells it."""
    from profiles.drift.report import refreshed_document, write_refreshed
    from profiles.reports import write_report
    from serve_app.core.catalog import Catalog

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
            policy=args.routing.policy,
            defaults=args.routing.defaults,
        )
        written.append(page.html)
    if as_json:
        typer.echo(json.dumps(refreshed_document(refreshed)))
    else:
        for line in lines:
            typer.echo(line)
        typer.echo(f"active: version {refreshed.version or refreshed.against}")
        typer.echo(f"report: {', '.join(str(path) for path in written)}")
    actions = {each.action for each in refreshed.outcomes}
    if "not measured" in actions:
        raise typer.Exit(1)
    if actions & NEED_A_LOOK:
        raise typer.Exit(DRIFTED)
