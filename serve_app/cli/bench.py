"""`quantroute bench`: the numbers that the documentation quotes, measured again."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from serve_app.cli.agreement import agreement
from serve_app.cli.fleet_model import fleet_model, quantization_loss
from serve_app.cli.length_bench import lengths
from serve_app.cli.new_pair import new_pair
from serve_app.cli.options import (
    DATA,
    DEFAULT_CONFIG,
    FleetOption,
    JsonOption,
    fail,
    show,
    whole_numbers,
)
from serve_app.cli.pasted import pasted_context
from serve_app.cli.quality import classifier, router_quality
from serve_app.cli.task_bench import tasks
from serve_app.cli.token_counts import numeric_guard, tokens

bench = typer.Typer(
    name="bench", no_args_is_help=True, help="Measure the router itself on this machine."
)


bench.command("router-quality")(router_quality)
bench.command("new-pair")(new_pair)
bench.command()(classifier)
bench.command()(tasks)
bench.command()(lengths)
bench.command()(tokens)
bench.command("pasted-context")(pasted_context)
bench.command("numeric-guard")(numeric_guard)
bench.command("fleet-model")(fleet_model)
bench.command("quantization-loss")(quantization_loss)
bench.command()(agreement)


@bench.command()
def decide(
    pairs: Annotated[int, typer.Option(help="Pairs to decide between.")] = 8,
    rounds: Annotated[int, typer.Option(help="Decisions to time.")] = 20_000,
    as_json: JsonOption = False,
) -> None:
    """Time one decision, and the whole routing part of a request with a 1,000-token prompt."""
    from serve_app.bench import decide as deciding
    from serve_app.bench import routing

    decisions = deciding.run(pairs=pairs, rounds=rounds)
    requests = routing.run(pairs=pairs)
    show(
        {"decide": asdict(decisions), "routing": asdict(requests)},
        f"{deciding.report(decisions)}\n{routing.report(requests)}",
        as_json=as_json,
    )


@bench.command()
def ingress(
    rounds: Annotated[int, typer.Option(help="How often A and B alternate.")] = 3,
    requests: Annotated[int, typer.Option(help="Requests of each kind in a round.")] = 2_000,
    as_json: JsonOption = False,
) -> None:
    """Compare the router over fake engines with an empty Ray Serve application, alternating."""
    from serve_app.bench import ingress as ingresses

    result = ingresses.run(rounds=rounds, requests=requests)
    show(asdict(result), ingresses.report(result), as_json=as_json)


@bench.command()
def ttft(
    fleet: FleetOption = DEFAULT_CONFIG,
    rounds: Annotated[int, typer.Option(help="How often A and B alternate.")] = 5,
    requests: Annotated[int, typer.Option(help="Requests of each kind in a round.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Compare the first token with Ray Serve LLM's own ingress before the same engine."""
    from serve_app.bench import ttft as first_tokens
    from serve_app.launch.config_file import read_config

    result = first_tokens.run(read_config(fleet), rounds=rounds, requests=requests)
    show(asdict(result), first_tokens.report(result), as_json=as_json)


@bench.command()
def replay(
    pairs: Annotated[
        list[str] | None, typer.Argument(metavar="PAIR...", help="Pairs to replay; all if none.")
    ] = None,
    fleet: FleetOption = DEFAULT_CONFIG,
    profiles: Annotated[Path, typer.Option(help="The profiles to judge.")] = DATA,
    concurrency: Annotated[
        str, typer.Option(metavar="N,N...", help="Requests at once, none of them profiled.")
    ] = "3,6",
    prompt_tokens: Annotated[
        str, typer.Option(metavar="N,N...", help="Prompt lengths, none of them profiled.")
    ] = "200,700",
    output_tokens: Annotated[int, typer.Option(help="Mean length of the answers.")] = 32,
    samples: Annotated[int, typer.Option(help="Requests that count, at each place.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Compare predicted latency with what is measured where nothing was profiled.

    Starts each pair's engine in turn. The prediction is the router's own, with every answer's real
    length.
    """
    import asyncio
    import time

    from profiles.failures import ProfilingError
    from serve_app.bench import replay as replaying
    from serve_app.bench.replay_report import as_document, report
    from serve_app.cli.measured_pairs import pair_specs
    from serve_app.core.catalog_errors import CatalogError
    from serve_app.launch.config_file import ConfigFileError, read_config

    plan = replaying.ReplayPlan(
        concurrency=whole_numbers("--concurrency", concurrency),
        prompt_tokens=whole_numbers("--prompt-tokens", prompt_tokens),
        output_tokens=output_tokens,
        samples=samples,
        seed=int(time.time()),
    )
    try:
        specs = pair_specs(read_config(fleet).args, pairs or [])
        judged = [(spec, replaying.profile_to_judge(spec, profiles, plan)) for spec in specs]
        replayed = [asyncio.run(replaying.replay_pair(s, p, plan)) for s, p in judged]
    except (ProfilingError, CatalogError, ConfigFileError, OSError) as exc:
        fail(str(exc))
    result = replaying.ReplayBench(pairs=tuple(replayed))
    show(as_document(result), report(result), as_json=as_json)


@bench.command()
def repeat(
    second: Annotated[Path, typer.Option(help="The same pairs, profiled again.")],
    first: Annotated[Path, typer.Option(help="A folder of profiles.")] = DATA,
    as_json: JsonOption = False,
) -> None:
    """Compare two profiles of the same pairs, point by point: does a measurement repeat?"""
    from serve_app.bench import repeat as repeating
    from serve_app.core.catalog_errors import CatalogError

    try:
        result = repeating.run(first, second)
    except (repeating.NothingToCompare, CatalogError, OSError) as exc:
        fail(str(exc))
    show(repeating.as_document(result), repeating.report(result), as_json=as_json)
