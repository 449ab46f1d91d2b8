"""`quantroute profile`: measures pairs, shows what was found and what moved since."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from profiles.cli.fleet_options import fleet_config, pair_specs, profiling_plan
from profiles.cli.options import (
    DATA,
    DEFAULT_CONFIG,
    GOLDEN,
    INTERRUPTED,
    FleetOption,
    ItemsOption,
    JsonOption,
    fail,
    failing_on,
    whole_numbers,
)
from profiles.cli.report import REPORT, profiles_page
from profiles.cli.store_options import StoreOption, target
from serve_app.core.cost import TokenPrice
from serve_app.core.errors import CatalogError

if TYPE_CHECKING:
    from rich.table import Table

    from profiles.profiling.profiler import FleetRun, Written
    from serve_app.core.catalog import Catalog
    from serve_app.core.profile import Profile, TaskAccuracy

DRIFTED = 3


def profile_document(run: FleetRun, page: Path | None) -> str:
    """One JSON document: every written profile's main figures, every failure, and the report."""
    document = {
        "written": [
            {"path": str(done.path), **profile_summary(done.profile)} for done in run.written
        ],
        "failed": [{"pair": failure.pair, "cause": failure.cause} for failure in run.failed],
        "report": str(page) if page else None,
    }
    return json.dumps(document, indent=2)


def profile_summary(profile: Profile) -> dict[str, Any]:
    """The figures that people compare pairs by."""
    price, surface = TokenPrice.of(profile), profile.latency
    return {
        "pair": profile.pair,
        "usd_per_mtok_in": price.usd_per_mtok_in,
        "usd_per_mtok_out": price.usd_per_mtok_out,
        "utilization": profile.throughput.utilization,
        "prompt_tokens": surface.prompt_tokens[0],
        "latency": [
            {
                "concurrency": surface.concurrency[row],
                "ttft_p50_ms": surface.ttft_ms.p50[row][0],
                "tpot_p50_ms": surface.tpot_ms.p50[row][0],
                "output_tokens_per_s": profile.throughput.decode_tokens_per_s[row],
            }
            for row in sorted({0, len(surface.concurrency) - 1})
        ],
        "prefill_tokens_per_s": profile.throughput.prefill_tokens_per_s,
        "accuracy": _interval(profile.accuracy["overall"]),
        "relative_accuracy": profile.relative_accuracy,
        "benchmarks": {name: _interval(value) for name, value in profile.benchmarks.items()},
        "cold_start_s": profile.cold_start_s,
        "weights_bytes": profile.memory.weights_bytes,
        "kv_cache_tokens": profile.memory.kv_cache_tokens,
        "peak_bytes": profile.memory.peak_bytes,
        "peak_of": profile.memory.peak_of,
    }


def profile_table(run: FleetRun) -> Table:
    """A row per written profile, narrow enough for 80 columns."""
    from rich.box import SIMPLE
    from rich.table import Table

    table = Table(
        box=SIMPLE,
        padding=(0, 1, 0, 0),
        caption="p50 of TTFT, TPOT in ms with the shortest prompts, alone and (n) at once; 95 %",
    )
    table.add_column("pair", no_wrap=True)
    for heading in ("alone", "at most", "tok/s", "$/M in, out", "accuracy"):
        table.add_column(heading, justify="right", no_wrap=True)
    for done in run.written:
        figures = profile_summary(done.profile)
        alone, busiest = figures["latency"][0], figures["latency"][-1]
        accuracy = figures["accuracy"]
        table.add_row(
            done.profile.pair,
            _times(alone),
            f"{_times(busiest)} ({busiest['concurrency']})",
            f"{busiest['output_tokens_per_s']:.0f}",
            f"{figures['usd_per_mtok_in']:.2g}, {figures['usd_per_mtok_out']:.2g}",
            f"{accuracy['lower']:.2f}-{accuracy['upper']:.2f}",
        )
    return table


def profile_line(done: Written) -> str:
    """Where a profile is, and what its engine took."""
    profile = done.profile
    peak_gib = profile.memory.peak_bytes / 2**30
    return (
        f"{profile.pair}: {done.path}; first token after {profile.cold_start_s:.0f} s, "
        f"peak {peak_gib:.1f} GiB {profile.memory.peak_of}"
    )


def _times(place: dict[str, float]) -> str:
    return f"{place['ttft_p50_ms']:.0f}, {place['tpot_p50_ms']:.1f}"


def _interval(accuracy: TaskAccuracy) -> dict[str, float]:
    return {
        "mean": accuracy.mean,
        "lower": accuracy.lower,
        "upper": accuracy.upper,
        "items": accuracy.items,
    }


def catalog_before(against: str, store: str | None, fleet: Path) -> Catalog:
    """The active catalog, or version `against`, before anything is measured.

    Before, because a folder that was never published in is its own store: measuring changes it.
    """
    where = target(store, fleet, None)
    try:
        return where.catalog(against)
    except (CatalogError, ValueError) as exc:
        fail(f"{exc}\nthere is nothing to compare with: publish first, or go without --against")


def show_drift(before: Catalog, run: FleetRun, folder: Path, *, as_json: bool) -> bool:
    """Prints what changed, on standard error if JSON is on, and writes `drift.json` into `folder`.

    Returns whether anything did.
    """
    from profiles.drift.change import Tolerances
    from profiles.drift.report import drift_lines, drift_report, write_drift

    report = drift_report(before, [written.profile for written in run.written], Tolerances())
    for line in drift_lines(report):
        typer.echo(line, err=as_json)
    typer.echo(f"written to {write_drift(report, folder)}", err=as_json)
    return report.drifted


def check_out(out: Path, fleet: Path, store: str) -> None:
    """Ends the command when routers would read the profiles in `out` without a publication."""
    from serve_app.store.file_store import ACTIVE
    from serve_app.store.open_store import store_folder

    folder = store_folder(store)
    if folder is None:
        return
    # Folders in a fleet file are relative to it.
    folder = (fleet.parent / folder).resolve()
    if out.resolve().is_relative_to(folder) and not (folder / ACTIVE).exists():
        fail(
            f"{out} is in the store of {fleet}, and no catalog was published there yet: routers "
            f"would use each profile as soon as it is written. Publish what is there first "
            f"(`quantroute publish`), write elsewhere with --out, or write there with --live",
            code=2,
        )


def profile(
    pairs: Annotated[
        list[str] | None, typer.Argument(metavar="PAIR...", help="Pairs to measure; all if none.")
    ] = None,
    fleet: FleetOption = DEFAULT_CONFIG,
    url: Annotated[
        str | None, typer.Option(help="Measure the engine running at this address instead.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Where profiles are written.")] = DATA,
    live: Annotated[
        bool,
        typer.Option(
            "--live", help="Write even where routers use a profile as soon as it is written."
        ),
    ] = False,
    raw: Annotated[Path, typer.Option(help="Where raw results are kept.")] = Path("profiles/raw"),
    items: ItemsOption = GOLDEN,
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
    accuracy per task. A pair with a url is measured there, and shows no start and no memory. What
    is measured is kept at once: after a crash or Ctrl-C, --resume goes on.
    Routers use the profiles once they are published.
    """
    from profiles.errors import MeasurementUnusable
    from profiles.evaluation.lm_eval import MODULE, BenchmarkOptions, HarnessMissing
    from profiles.profiling.grid import Grid
    from profiles.profiling.point import StopRule
    from profiles.profiling.profiler import profile_fleet
    from profiles.profiling.progress import run_progress

    if not 0 < utilization <= 1:
        fail(f"--utilization {utilization:g} is no share of the time: give 0.6, say", code=2)
    with failing_on(MeasurementUnusable, ValueError, code=2):
        grid = Grid(
            concurrency=whole_numbers("--concurrency", concurrency) if concurrency else None,
            prompt_tokens=whole_numbers("--prompt-tokens", prompt_tokens),
            output_tokens=output_tokens,
        )
        rule = StopRule(half_width=interval, most_rounds=rounds)
        config = fleet_config(fleet)
        args = config.args
        if not live:
            check_out(out, fleet, args.store.url)
        specs = pair_specs(args, pairs or [], url, config.raw.get("http_options") or {})
        for spec in specs:
            grid.grid_points(spec.pair)
    plan = profiling_plan(args, fleet, items, grid, rule, out=out, raw=raw, resume=resume)
    if benchmark and find_spec(MODULE) is None:
        fail(str(HarnessMissing()))
    if benchmark_limit is not None and benchmark_limit < 1:
        fail(f"--benchmark-limit {benchmark_limit} leaves no items: give at least 1", code=2)
    measured = replace(
        plan.measured,
        benchmarks=tuple(benchmark or ()),
        benchmark_options=BenchmarkOptions(include_path=benchmark_path, limit=benchmark_limit),
    )
    plan = replace(plan, measured=measured, utilization=utilization)
    before = catalog_before(against, store, fleet) if against is not None else None
    try:
        with run_progress(len(specs)) as progress:
            run = asyncio.run(profile_fleet(specs, plan, progress=progress))
    except KeyboardInterrupt:
        fail(
            f"stopped; what was measured is in {raw}: the same command with --resume goes on",
            code=INTERRUPTED,
        )
    drifted = before is not None and show_drift(before, run, raw, as_json=as_json)
    page = profiles_page(out, report, args.routing) if run.written else None
    _show(run, page, as_json=as_json)
    if run.failed:
        raise typer.Exit(1)
    if drifted:
        raise typer.Exit(DRIFTED)


def _show(run: FleetRun, page: Path | None, *, as_json: bool) -> None:
    from rich.console import Console

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
