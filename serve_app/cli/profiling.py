"""`quantroute profile`."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serve_app.cli.options import DEFAULT_CONFIG, FleetOption, JsonOption, fail

if TYPE_CHECKING:
    from profiles.measuring.engine import EngineSpec
    from profiles.measuring.profiler import FleetRun
    from serve_app.settings import AppArgs

GOLDEN = Path("profiles/golden/starter.jsonl")
DATA = Path("profiles/data")


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
    as_json: JsonOption = False,
) -> None:
    """Measure pairs on this machine and write their profiles.

    Starts each pair's engine alone with the fleet file's settings, and measures cold start,
    memory, TTFT and TPOT over concurrency and prompt length, throughput, and accuracy per task.
    """
    from profiles.evaluation.items import ItemsInvalid, read_items
    from profiles.measuring.profiler import ProfilingPlan, profile_fleet
    from profiles.measuring.progress import run_progress
    from serve_app.launch.config_file import ConfigFileError, read_config
    from serve_app.settings import tokenizer_file

    try:
        args = read_config(fleet).args
        questions = read_items(items)
    except (ConfigFileError, ItemsInvalid, OSError) as exc:
        fail(str(exc))
    specs = _specs(args, pairs or [], url)
    reference = tokenizer_file(args)
    if reference is None:
        fail(
            f"{fleet}: reference_tokenizer names no checkpoint on this machine; run "
            f"`quantroute weights {fleet}`"
        )
    plan = ProfilingPlan(
        out=out,
        raw=raw,
        items=questions,
        reference_tokenizer=reference,
        command=shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
    )
    with run_progress(len(specs)) as progress:
        run = asyncio.run(profile_fleet(specs, plan, progress=progress))
    _report(run, as_json=as_json)


def _specs(args: AppArgs, wanted: list[str], url: str | None) -> list[EngineSpec]:
    from profiles.measuring.engine import EngineSpec
    from serve_app.serving.llm_config import engine_kwargs
    from serve_app.settings import local_checkpoint

    known = [pair.id for pair in args.pairs]
    for name in wanted:
        if name not in known:
            fail(f"{name!r} is no pair of the fleet; pairs: {', '.join(known)}", code=2)
    if url is not None and len(wanted) != 1:
        fail("--url measures one engine: name the one pair that it serves", code=2)
    return [
        EngineSpec(
            pair=pair.pair,
            checkpoint=local_checkpoint(pair.checkpoint),
            parent=pair.parent,
            engine_kwargs=engine_kwargs(pair),
            env=pair.env,
            url=url,
        )
        for pair in args.pairs
        if not wanted or pair.id in wanted
    ]


def _report(run: FleetRun, *, as_json: bool) -> None:
    if as_json:
        written = [{"pair": w.profile.pair, "path": str(w.path)} for w in run.written]
        failed = [{"pair": f.pair, "cause": f.cause} for f in run.failed]
        typer.echo(json.dumps({"written": written, "failed": failed}))
    else:
        for done in run.written:
            typer.echo(f"{done.profile.pair}: {done.path}")
    for failure in run.failed:
        typer.secho(f"{failure.pair}: {failure.cause}", err=True, fg=typer.colors.RED)
        if failure.log_tail:
            typer.echo(failure.log_tail, err=True)
    if run.failed:
        raise typer.Exit(1)
