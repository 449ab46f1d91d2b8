"""`quantroute bench`: the numbers that the documentation quotes, measured again."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer

from serve_app.cli.options import DEFAULT_CONFIG, FleetOption, JsonOption

bench = typer.Typer(
    name="bench", no_args_is_help=True, help="Measure the router itself on this machine."
)


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
    _show(
        {"decide": asdict(decisions), "routing": asdict(requests)},
        [deciding.report(decisions), routing.report(requests)],
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
    _show(asdict(result), [ingresses.report(result)], as_json=as_json)


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
    _show(asdict(result), [first_tokens.report(result)], as_json=as_json)


def _show(result: dict[str, Any], lines: list[str], *, as_json: bool) -> None:
    typer.echo(json.dumps(result, indent=2) if as_json else "\n".join(lines))
