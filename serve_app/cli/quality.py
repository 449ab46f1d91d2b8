"""`quantroute train`, `bench router-quality`, `bench classifier`: what each pair gets right."""

from __future__ import annotations

import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serve_app.cli.options import GOLDEN, JsonOption, fail, read_floors, show, tell

if TYPE_CHECKING:
    from serve_app.bench.router_quality import QualityPlan

FilesArgument = Annotated[
    list[Path], typer.Argument(metavar="FILE...", help="Outcome files, tables or JSON lines.")
]
SeedOption = Annotated[int, typer.Option(help="Makes the run repeatable.", min=0)]
PricesOption = Annotated[
    Path | None,
    typer.Option(help="JSON: US dollars per million tokens by pair. Adds to the known prices."),
]
FoldedArgument = Annotated[
    list[Path] | None, typer.Argument(metavar="[FILE...]", help="Outcome files for --folds.")
]
TrainOption = Annotated[list[Path] | None, typer.Option(help="Learn from this; may be repeated.")]
TestOption = Annotated[list[Path] | None, typer.Option(help="Measure on this; may be repeated.")]
WeakOption = Annotated[str | None, typer.Option(metavar="PAIR", help="Default: the cheapest.")]
StrongOption = Annotated[
    str | None, typer.Option(metavar="PAIR", help="Default: the one most often right.")
]
FloorsOption = Annotated[str, typer.Option(metavar="F,F...", help="Accuracy floors to keep.")]


def train(
    files: FilesArgument,
    out: Annotated[Path, typer.Option(help="Where the trained model goes.")],
    seed: SeedOption = 0,
    folds: Annotated[
        int, typer.Option(help="Folds of the comparison with simpler routers; 0 for none.")
    ] = 5,
    prices: PricesOption = None,
    certainty: Annotated[
        float,
        typer.Option(
            help="Standard errors by which answers must reach a floor.", min=-5.0, max=5.0
        ),
    ] = 1.0,
) -> None:
    """Train the success model from graded answers, and say how good it is on unseen prompts.

    Writes one file without torch or scikit-learn in it. The same files and seed make the same
    model.
    """
    from profiles.learning.outcome_table import OutcomesUnusable
    from profiles.learning.read_table import read_table
    from profiles.learning.train import train_file
    from serve_app.bench import router_quality

    command = shlex.join(["quantroute", *sys.argv[1:]])
    try:
        if folds:
            plan = _plan(files, [], folds=folds, prices=prices, seed=seed)
            typer.echo(router_quality.report(router_quality.run(plan, tell)))
        tell("trains on all prompts")
        size_bytes = train_file(
            read_table(files), out, seed=seed, command=command, certainty=certainty
        )
    except (OutcomesUnusable, OSError) as exc:
        fail(str(exc))
    typer.echo(f"{out}: {size_bytes / 1e6:.1f} MB")


def router_quality(
    files: FoldedArgument = None,
    train: TrainOption = None,
    test: TestOption = None,
    folds: Annotated[int, typer.Option(help="Folds, where there is no --test.")] = 5,
    weak: WeakOption = None,
    strong: StrongOption = None,
    floors: FloorsOption = "0.3,0.5,0.7,0.9",
    prices: PricesOption = None,
    seed: SeedOption = 0,
    plot: Annotated[Path | None, typer.Option(help="Draw the curves into this PNG.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare the success model with simpler routers on prompts that none of them has seen.

    Give --train and --test, or files to split into folds.
    """
    from profiles.learning.outcome_table import OutcomesUnusable
    from serve_app.bench import router_quality as measuring

    if bool(files) == bool(train) or bool(test) != bool(train):
        fail("give either --train FILE --test FILE, or FILE... to split into folds", code=2)
    plan = _plan(
        files or train or [],
        test or [],
        folds=folds,
        prices=prices,
        seed=seed,
        weak=weak,
        strong=strong,
        floors=read_floors(floors),
    )
    try:
        result = measuring.run(plan, tell)
        if plot is not None:
            measuring.draw(result, plot)
    except (OutcomesUnusable, OSError) as exc:
        fail(str(exc))
    show(measuring.as_document(result), measuring.report(result), as_json=as_json)


def add_pair(
    model: Annotated[Path, typer.Argument(help="A model made by `quantroute train`.")],
    out: Annotated[Path, typer.Option(help="Where the grown model goes.")],
    profile: Annotated[
        list[Path] | None, typer.Option(help="The profile of a pair; may be repeated.")
    ] = None,
    questions: Annotated[
        Path, typer.Option(help="The questions that the profiles' accuracy is of.")
    ] = GOLDEN,
    outcomes: Annotated[
        list[Path] | None, typer.Option(help="Graded answers of new pairs; may be repeated.")
    ] = None,
) -> None:
    """Add pairs to a trained model without training it again.

    From their profiles, where a quantized pair starts from its parent, or from graded answers.
    """
    from profiles.evaluation.items import ItemsInvalid
    from profiles.learning import grow_model
    from profiles.learning.outcome_table import OutcomesUnusable
    from serve_app.core.catalog_errors import CatalogError
    from serve_app.core.errors import SuccessModelRefused

    if bool(profile) == bool(outcomes):
        fail("give either --profile FILE or --outcomes FILE", code=2)
    try:
        if profile:
            added = grow_model.add_from_profiles(model, profile, questions, out)
        else:
            added = grow_model.add_from_outcomes(model, outcomes or [], out)
    except (OutcomesUnusable, ItemsInvalid, CatalogError, SuccessModelRefused, OSError) as exc:
        fail(str(exc))
    typer.echo(f"{out}: added {', '.join(added)}")


def classifier(
    model: Annotated[Path, typer.Argument(help="A model made by `quantroute train`.")],
    rounds: Annotated[int, typer.Option(help="Judgements to time.", min=100)] = 5_000,
    prompt_tokens: Annotated[
        int, typer.Option(help="Length of the prompts.", min=10, max=100_000)
    ] = 1_000,
    as_json: JsonOption = False,
) -> None:
    """Time the success model's judgement of one prompt."""
    from serve_app.bench import classifier as timing
    from serve_app.core.errors import SuccessModelRefused

    try:
        result = timing.run(model, rounds=rounds, prompt_tokens=prompt_tokens)
    except SuccessModelRefused as exc:
        fail(str(exc))
    show(asdict(result), timing.report(result), as_json=as_json)


def _plan(
    train: list[Path],
    test: list[Path],
    *,
    folds: int,
    prices: Path | None,
    seed: int,
    weak: str | None = None,
    strong: str | None = None,
    floors: tuple[float, ...] = (0.3, 0.5, 0.7, 0.9),
) -> QualityPlan:
    from profiles.learning.sentence_embeddings import embedder
    from serve_app.bench.router_quality import QualityPlan

    return QualityPlan(
        train=tuple(train),
        test=tuple(test),
        folds=folds,
        weak=weak,
        strong=strong,
        floors=floors,
        prices=prices,
        embedder=embedder(),
        seed=seed,
    )
