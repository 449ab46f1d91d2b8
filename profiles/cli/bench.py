"""`quantroute bench`: measures the numbers that the documentation quotes."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from profiles.cli.fleet_options import fleet_args, pair_specs
from profiles.cli.options import (
    DATA,
    DEFAULT_CONFIG,
    FleetOption,
    JsonOption,
    PricesOption,
    SeedOption,
    fail,
    failing_on,
    shares,
    show,
    tell,
    whole_numbers,
)
from serve_app.core.errors import CatalogError, SuccessModelRefused

bench = typer.Typer(
    name="bench", no_args_is_help=True, help="Measure the router itself on this machine."
)


@bench.command("router-quality")
def router_quality(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE...]", help="Outcome files for --folds.")
    ] = None,
    train: Annotated[
        list[Path] | None, typer.Option(help="Learn from this; may be repeated.")
    ] = None,
    test: Annotated[
        list[Path] | None, typer.Option(help="Measure on this; may be repeated.")
    ] = None,
    folds: Annotated[int, typer.Option(help="Folds, where there is no --test.")] = 5,
    weak: Annotated[str | None, typer.Option(metavar="PAIR", help="Default: the cheapest.")] = None,
    strong: Annotated[
        str | None, typer.Option(metavar="PAIR", help="Default: the one most often right.")
    ] = None,
    floors: Annotated[
        str, typer.Option(metavar="F,F...", help="Accuracy floors to keep.")
    ] = "0.3,0.5,0.7,0.9",
    prices: PricesOption = None,
    seed: SeedOption = 0,
    plot: Annotated[Path | None, typer.Option(help="Draw the curves into this PNG.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare the success model with simpler routers on prompts that none of them has seen.

    Give --train and --test, or files to split into folds.
    """
    from profiles.router_eval import router_quality as measuring
    from profiles.router_eval.baselines import embedder
    from profiles.training.outcomes import OutcomesUnusable

    if bool(files) == bool(train) or bool(test) != bool(train):
        fail("give either --train FILE --test FILE, or FILE... to split into folds", code=2)
    kept = shares("--floors", floors)
    if not all(kept):
        fail(f"--floors {floors!r} should be above 0 and at most 1", code=2)
    plan = measuring.QualityPlan(
        train=tuple(files or train or ()),
        test=tuple(test or ()),
        folds=folds,
        weak=weak,
        strong=strong,
        floors=kept,
        prices=prices,
        embedder=embedder(),
        seed=seed,
    )
    with failing_on(OutcomesUnusable, OSError):
        result = measuring.run(plan, tell)
        if plot is not None:
            measuring.draw(result, plot)
    show(measuring.as_document(result), measuring.report(result), as_json=as_json)


@bench.command()
def classifier(
    model: Annotated[Path, typer.Argument(help="A model made by `quantroute train`.")],
    rounds: Annotated[int, typer.Option(help="Classifications to time.", min=100)] = 5_000,
    prompt_tokens: Annotated[
        int, typer.Option(help="Length of the prompts.", min=10, max=100_000)
    ] = 1_000,
    as_json: JsonOption = False,
) -> None:
    """Time the success model's classification of one prompt."""
    from serve_app.bench import classifier as timing

    with failing_on(SuccessModelRefused):
        result = timing.run(model, rounds=rounds, prompt_tokens=prompt_tokens)
    show(asdict(result), timing.report(result), as_json=as_json)


@bench.command()
def tokens(
    data: Annotated[
        Path | None,
        typer.Option(
            envvar="QUANTROUTE_DATA",
            help="JSON lines with prompts, or a folder with questions.jsonl.gz or "
            "clinc150.jsonl.gz.",
        ),
    ] = None,
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
    from serve_app.settings import local_checkpoint, tokenizer_file

    files = {str(file): file for file in tokenizer or ()}
    if not files:
        args = fleet_args(fleet)
        reference = tokenizer_file(args)
        if reference is None:
            fail(
                f"{fleet} names no reference_tokenizer that is on this machine: make the weights "
                f"with `quantroute weights`, or name a tokenizer.json with --tokenizer"
            )
        by_content = {reference.read_bytes(): ("reference", reference)}
        for pair in args.pairs:
            file = Path(local_checkpoint(pair.checkpoint)) / "tokenizer.json"
            if file.is_file():
                by_content.setdefault(file.read_bytes(), (pair.id, file))
        files = dict(by_content.values())
    with failing_on(PromptsUnusable, OSError, ValueError):
        result = measuring.run(files, data)
    show(measuring.as_document(result), measuring.report(result), as_json=as_json)


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
    from profiles.errors import ProfilingError

    plan = replaying.ReplayPlan(
        concurrency=whole_numbers("--concurrency", concurrency),
        prompt_tokens=whole_numbers("--prompt-tokens", prompt_tokens),
        output_tokens=output_tokens,
        samples=samples,
        seed=int(time.time()),
    )
    specs = pair_specs(fleet_args(fleet), pairs or [])
    with failing_on(ProfilingError, CatalogError, OSError):
        profiled = [(spec, replaying.profile_to_judge(spec, profiles, plan)) for spec in specs]
        replayed = [
            asyncio.run(replaying.replay_pair(spec, profile, plan)) for spec, profile in profiled
        ]
    result = replaying.ReplayBench(pairs=tuple(replayed))
    show(replaying.as_document(result), replaying.report(result), as_json=as_json)


@bench.command()
def repeat(
    second: Annotated[Path, typer.Option(help="The same pairs, profiled again.")],
    first: Annotated[Path, typer.Option(help="A folder of profiles.")] = DATA,
    as_json: JsonOption = False,
) -> None:
    """Compare two profiles of the same pairs, point by point: does a measurement repeat?"""
    from profiles.bench import repeat as repeating

    with failing_on(repeating.NothingToCompare, CatalogError, OSError):
        result = repeating.run(first, second)
    show(repeating.as_document(result), repeating.report(result), as_json=as_json)
