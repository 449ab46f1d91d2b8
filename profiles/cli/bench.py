"""`quantroute bench`: the numbers that the documentation quotes, measured again.

The benchmarks of success models are in `bench_models`.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from profiles.cli.bench_models import (
    agreement,
    classifier,
    fleet_model,
    lengths,
    new_pair,
    quantization_loss,
    router_quality,
    tasks,
)
from profiles.cli.options import (
    DATA,
    DEFAULT_CONFIG,
    FleetOption,
    JsonOption,
    fail,
    shares,
    show,
    whole_numbers,
)

DataOption = Annotated[
    Path | None,
    typer.Option(
        envvar="QUANTROUTE_DATA",
        help="JSON lines with prompts, or a folder with questions.jsonl.gz or clinc150.jsonl.gz.",
    ),
]
bench = typer.Typer(
    name="bench", no_args_is_help=True, help="Measure the router itself on this machine."
)


def tokens(
    data: DataOption = None,
    tokenizer: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="A tokenizer.json; may be repeated. The first is the reference. "
            "Default: the fleet's reference tokenizer and those of its pairs.",
        ),
    ] = None,
    fleet: FleetOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Compare the estimate of tokens with exact counts, per language and kind of code.

    On texts that come with the router, which the estimate was not fitted to, and on prompts of
    your own. For a pair with a tokenizer of its own, the estimate is multiplied by its ratio to the
    reference.
    """
    from profiles.bench import tokens as measuring
    from profiles.bench.prompts import PromptsUnusable

    files = {str(file): file for file in tokenizer} if tokenizer else _tokenizers_of(fleet)
    try:
        result = measuring.run(files, data)
    except (PromptsUnusable, OSError, ValueError) as exc:
        fail(str(exc))
    show(measuring.as_document(result), measuring.report(result), as_json=as_json)


def numeric_guard(
    data: DataOption = None,
    share: Annotated[
        str, typer.Option(metavar="S,S...", help="Thresholds of routing.numeric_guard_share.")
    ] = "0.1,0.2,0.3,0.5",
    tokenizer: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A tokenizer.json. Default: the fleet's reference."),
    ] = None,
    fleet: FleetOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Count what each threshold of the numeric guard keeps off FP8, and what that costs.

    Decides every prompt by the router's own rules, on a made-up fleet of a BF16 pair and a
    cheaper FP8 one. Also says how far the share of numeric tokens, which is estimated, is from that
    of a real tokenizer. Default: the golden questions.
    """
    from profiles.bench import numeric_guard as measuring
    from profiles.bench.prompts import GOLDEN, PromptsUnusable

    thresholds = shares("--share", share)
    reference = tokenizer or next(iter(_tokenizers_of(fleet).values()))
    try:
        result = measuring.run(data or GOLDEN, thresholds, reference)
    except (PromptsUnusable, OSError, ValueError) as exc:
        fail(str(exc))
    show(measuring.as_document(result), measuring.report(result), as_json=as_json)


def _tokenizers_of(fleet: Path) -> dict[str, Path]:
    """The reference tokenizer of a fleet, and each other one that a checkpoint here has."""
    from serve_app.settings import local_checkpoint, tokenizer_file
    from serve_app.settings.config_file import ConfigFileError, read_config

    try:
        args = read_config(fleet).args
    except (ConfigFileError, OSError) as exc:
        fail(str(exc))
    reference = tokenizer_file(args)
    if reference is None:
        fail(
            f"{fleet} names no reference_tokenizer that is on this machine: make the weights with "
            f"`quantroute weights`, or name a tokenizer.json with --tokenizer"
        )
    found = {"reference": reference}
    known = {reference.read_bytes()}
    for pair in args.pairs:
        file = Path(local_checkpoint(pair.checkpoint)) / "tokenizer.json"
        if file.is_file() and (content := file.read_bytes()) not in known:
            known.add(content)
            found[pair.id] = file
    return found


def pasted_context(
    data: Annotated[
        Path,
        typer.Argument(help="JSON lines with prompts, or a folder with questions.jsonl.gz."),
    ],
    tokens: Annotated[
        int, typer.Option(help="Tokens pasted in beside each prompt.", min=1_000, max=100_000)
    ] = 6_000,
    success_model: Annotated[
        Path | None, typer.Option(help="Judge by this model instead of by the heuristics alone.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Judge prompts alone and beside other text, pasted in several ways: which stay the same."""
    from profiles.bench import pasted_context as pasted
    from profiles.bench.prompts import PromptsUnusable
    from serve_app.classifier.heuristics import judge
    from serve_app.classifier.success_model import load_success_model
    from serve_app.core.errors import SuccessModelRefused

    try:
        judged = load_success_model(success_model, local=judge).judged if success_model else judge
        result = pasted.run(data, pasted_tokens=tokens, judged=judged)
    except (PromptsUnusable, SuccessModelRefused) as exc:
        fail(str(exc))
    show(asdict(result), pasted.report(result), as_json=as_json)


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
    from serve_app.settings.config_file import read_config

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

    from profiles.bench import replay as replaying
    from profiles.bench.replay import as_document, report
    from profiles.cli.fleet_options import pair_specs
    from profiles.errors import ProfilingError
    from serve_app.core.errors import CatalogError
    from serve_app.settings.config_file import ConfigFileError, read_config

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
    from profiles.bench import repeat as repeating
    from serve_app.core.errors import CatalogError

    try:
        result = repeating.run(first, second)
    except (repeating.NothingToCompare, CatalogError, OSError) as exc:
        fail(str(exc))
    show(repeating.as_document(result), repeating.report(result), as_json=as_json)
