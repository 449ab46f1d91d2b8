"""`quantroute bench tokens` and `bench numeric-guard`: what the router makes of a prompt's text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from serve_app.cli.options import DEFAULT_CONFIG, FleetOption, JsonOption, fail, shares, show

DataOption = Annotated[
    Path | None,
    typer.Option(
        envvar="QUANTROUTE_DATA",
        help="JSON lines with prompts, or a folder with questions.jsonl.gz or clinc150.jsonl.gz.",
    ),
]


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
    from serve_app.bench import tokens as measuring
    from serve_app.bench.prompts import PromptsUnusable

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
    from serve_app.bench import numeric_guard as measuring
    from serve_app.bench.prompts import GOLDEN, PromptsUnusable

    thresholds = shares("--share", share)
    reference = tokenizer or next(iter(_tokenizers_of(fleet).values()))
    try:
        result = measuring.run(data or GOLDEN, thresholds, reference)
    except (PromptsUnusable, OSError, ValueError) as exc:
        fail(str(exc))
    show(measuring.as_document(result), measuring.report(result), as_json=as_json)


def _tokenizers_of(fleet: Path) -> dict[str, Path]:
    """The reference tokenizer of a fleet, and each other one that a checkpoint here has."""
    from serve_app.launch.config_file import ConfigFileError, read_config
    from serve_app.settings import local_checkpoint, tokenizer_file

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
