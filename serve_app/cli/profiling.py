"""`quantroute profile`."""

from __future__ import annotations

import asyncio
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serve_app.cli.drift import DRIFTED, catalog_before, show_drift
from serve_app.cli.measured_pairs import pair_plan, pair_specs
from serve_app.cli.options import (
    DATA,
    DEFAULT_CONFIG,
    GOLDEN,
    INTERRUPTED,
    FleetOption,
    JsonOption,
    fail,
    whole_numbers,
)
from serve_app.cli.report import REPORT, profiles_page
from serve_app.cli.store_options import StoreOption

if TYPE_CHECKING:
    from profiles.evaluation.harness import BenchmarkOptions
    from profiles.measuring.engine import EngineSpec
    from profiles.measuring.profiler import FleetRun, ProfilingPlan


def profile(
    pairs: Annotated[
        list[str] | None, typer.Argument(metavar="PAIR...", help="Pairs to measure; all if none.")
    ] = None,
    fleet: FleetOption = DEFAULT_CONFIG,
    url: Annotated[
        str | None, typer.Option(help="Measure the engine running at this address instead.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Where profiles are written.")] = DATA,
    raw: Annotated[Path, typer.Option(help="Where raw results are kept.")] = Path("profiles/raw"),
    items: Annotated[Path, typer.Option(help="Gradable questions, as JSONL.")] = GOLDEN,
    concurrency: Annotated[
        str | None,
        typer.Option(
            metavar="N,N...",
            help="Requests at once to measure at; 1, 2, 4 ... up to each pair's maximum if none.",
        ),
    ] = None,
    prompt_tokens: Annotated[
        str, typer.Option(metavar="N,N...", help="Prompt lengths to measure at, two or more.")
    ] = "64,512",
    output_tokens: Annotated[
        int, typer.Option(help="Mean length of the answers; they vary by half around it.")
    ] = 32,
    interval: Annotated[
        float,
        typer.Option(
            help="Stop at a point once half of the 95 % interval of its median TTFT and TPOT is "
            "at most this share of them."
        ),
    ] = 0.05,
    rounds: Annotated[
        int, typer.Option(help="Stop at a point after this many rounds all the same; two or more.")
    ] = 3,
    benchmark: Annotated[
        list[str] | None,
        typer.Option(help="A task of lm-evaluation-harness to run as well; may be repeated."),
    ] = None,
    benchmark_path: Annotated[
        Path | None, typer.Option(help="A folder of task files of your own for --benchmark.")
    ] = None,
    benchmark_limit: Annotated[
        int | None, typer.Option(help="Take only the first items of each benchmark.")
    ] = None,
    utilization: Annotated[
        float,
        typer.Option(help="Share of the time a replica is busy, for the price of a token."),
    ] = 0.6,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with what an interrupted run left in the raw folder."),
    ] = False,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="active",
            help="Say what moved against the active catalog, or a version of it; ends with 3 "
            "when something did.",
        ),
    ] = None,
    store: StoreOption = None,
    report: Annotated[
        Path, typer.Option(help="Where the page about all profiles in --out goes.")
    ] = REPORT,
    as_json: JsonOption = False,
) -> None:
    """Measure pairs on this machine and write their profiles, and a page that shows them.

    Starts each pair's engine alone with the fleet file's settings, and measures cold start,
    memory, TTFT, TPOT and the whole answer over concurrency and prompt length, throughput, and
    accuracy per task. What is measured is kept at once: after a crash or Ctrl-C, --resume goes on.
    """
    from profiles.failures import MeasurementUnusable
    from profiles.measuring.grid import Grid
    from profiles.measuring.point import StopRule
    from profiles.measuring.profiler import ProfilingPlan
    from serve_app.launch.config_file import ConfigFileError, read_config

    if not 0 < utilization <= 1:
        fail(f"--utilization {utilization:g} is no share of the time: give 0.6, say", code=2)
    try:
        grid = Grid(
            concurrency=whole_numbers("--concurrency", concurrency) if concurrency else None,
            prompt_tokens=whole_numbers("--prompt-tokens", prompt_tokens),
            output_tokens=output_tokens,
        )
        rule = StopRule(half_width=interval, most_rounds=rounds)
        args = read_config(fleet).args
        specs = pair_specs(args, pairs or [], url)
        for spec in specs:
            grid.places(spec.pair)
    except (MeasurementUnusable, ValueError) as exc:
        fail(str(exc), code=2)
    except ConfigFileError as exc:
        fail(str(exc))
    measured = replace(
        pair_plan(args, fleet, items, grid, rule),
        benchmarks=tuple(benchmark or ()),
        benchmark_options=_benchmark_options(benchmark, benchmark_path, benchmark_limit),
    )
    before = catalog_before(against, store, fleet) if against is not None else None
    plan = ProfilingPlan(
        out=out,
        raw=raw,
        measured=measured,
        questions=items.name,
        command=shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        resume=resume,
        utilization=utilization,
    )
    run = _run(specs, plan)
    drifted = before is not None and show_drift(before, run, raw, as_json=as_json)
    page = profiles_page(out, report, args.routing) if run.written else None
    _report(run, page, as_json=as_json)
    if drifted:
        raise typer.Exit(DRIFTED)


def _benchmark_options(
    names: list[str] | None, include_path: Path | None, limit: int | None
) -> BenchmarkOptions:
    from profiles.evaluation.harness import MODULE, BenchmarkOptions, HarnessMissing

    if names and find_spec(MODULE) is None:
        fail(str(HarnessMissing()))
    if limit is not None and limit < 1:
        fail(f"--benchmark-limit {limit} leaves no items: give at least 1", code=2)
    return BenchmarkOptions(include_path=include_path, limit=limit)


def _run(specs: Sequence[EngineSpec], plan: ProfilingPlan) -> FleetRun:
    from profiles.measuring.profiler import profile_fleet
    from profiles.measuring.progress import run_progress

    try:
        with run_progress(len(specs)) as progress:
            return asyncio.run(profile_fleet(specs, plan, progress=progress))
    except KeyboardInterrupt:
        fail(
            f"stopped; what was measured is in {plan.raw}: the same command with --resume goes on",
            code=INTERRUPTED,
        )


def _report(run: FleetRun, page: Path | None, *, as_json: bool) -> None:
    from rich.console import Console

    from serve_app.cli.profile_table import profile_document, profile_line, profile_table

    if as_json:
        typer.echo(profile_document(run, page))
    elif run.written:
        Console().print(profile_table(run))
        for done in run.written:
            typer.echo(profile_line(done))
        typer.echo(f"report: {page}")
    for failure in run.failed:
        typer.secho(f"{failure.pair}: {failure.cause}", err=True, fg=typer.colors.RED)
        if failure.log_tail:
            typer.echo(failure.log_tail, err=True)
    if run.failed:
        raise typer.Exit(1)
