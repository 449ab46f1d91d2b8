"""`quantroute bench`: success models and the router's choices, on graded answers.

One function each for `router-quality`, `classifier`, `fleet-model`, `quantization-loss`,
`new-pair`, `tasks`, `lengths` and `agreement`.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from profiles.cli.options import (
    FloorsOption,
    FoldedArgument,
    JsonOption,
    PricesOption,
    SeedOption,
    StrongOption,
    TestOption,
    TrainOption,
    WeakOption,
    fail,
    read_floors,
    show,
    tell,
    whole_numbers,
)

if TYPE_CHECKING:
    from profiles.router_eval.router_quality import QualityPlan

FolderArgument = Annotated[
    Path, typer.Argument(help="Profiles with the outcomes that `quantroute profile` left there.")
]


def fleet_model(
    folder: FolderArgument,
    public: Annotated[
        list[Path] | None, typer.Option(help="Outcomes of other pairs; may be repeated.")
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option(metavar="PAIR", help="Leave this public pair out.")
    ] = None,
    floors: Annotated[
        str, typer.Option(metavar="F,F...", help="Accuracy floors to keep.")
    ] = "0.1,0.2,0.3,0.4,0.5",
    folds: Annotated[int, typer.Option(help="Folds of the fleet's questions.", min=2)] = 5,
    seeds: Annotated[int, typer.Option(help="How often they are folded anew.", min=1)] = 3,
    as_json: JsonOption = False,
) -> None:
    """Compare ways to a success model for a small fleet, on its own questions kept aside."""
    from profiles.router_eval import training_sources as measuring
    from profiles.router_eval.fleet_outcomes import read_own_answers
    from profiles.training.outcomes import OutcomesUnusable
    from serve_app.core.errors import CatalogError

    plan = measuring.FleetModelPlan(
        public=tuple(public or ()),
        without=tuple(without or ()),
        floors=read_floors(floors),
        folds=folds,
        seeds=seeds,
    )
    try:
        result = measuring.run(read_own_answers(folder), plan, tell)
    except (OutcomesUnusable, CatalogError, OSError) as exc:
        fail(str(exc))
    show(asdict(result), measuring.report(result), as_json=as_json)


def quantization_loss(
    folder: FolderArgument,
    halvings: Annotated[int, typer.Option(help="Halves to try profiles on.", min=2)] = 100,
    as_json: JsonOption = False,
) -> None:
    """Make profiles of half of the questions, and try their losses per task on the others."""
    from profiles.router_eval import quantization_loss as measuring
    from profiles.router_eval.fleet_outcomes import read_own_answers
    from profiles.training.outcomes import OutcomesUnusable
    from serve_app.core.errors import CatalogError

    try:
        result = measuring.run(read_own_answers(folder), halvings=halvings, progress=tell)
    except (OutcomesUnusable, CatalogError, OSError) as exc:
        fail(str(exc))
    show(asdict(result), measuring.report(result), as_json=as_json)


def new_pair(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Outcome files.")],
    pair: Annotated[
        list[str] | None, typer.Option(help="Leave out this one; may be repeated. Default: each.")
    ] = None,
    answers: Annotated[
        str, typer.Option(metavar="N,N...", help="Graded answers to add it from.")
    ] = "50,100,300",
    folds: Annotated[int, typer.Option(help="Folds.", min=2)] = 5,
    seed: Annotated[int, typer.Option(help="Makes the run repeatable.", min=0)] = 0,
    as_json: JsonOption = False,
) -> None:
    """Leave a pair out of training, add it from a few graded answers, and judge unseen prompts.

    Says how well the added pair keeps floors where its bound says that it does, beside the same
    pair trained.
    """
    from profiles.router_eval import leave_one_out as measuring
    from profiles.training.outcomes import OutcomesUnusable

    plan = measuring.NewPairPlan(
        files=tuple(files),
        pairs=tuple(pair or ()),
        answers=whole_numbers("--answers", answers),
        folds=folds,
        seed=seed,
    )
    try:
        result = measuring.run(plan, tell)
    except (OutcomesUnusable, OSError) as exc:
        fail(str(exc))
    show(asdict(result), measuring.report(result), as_json=as_json)


def tasks(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Outcome files that name tasks.")
    ],
    test: Annotated[
        list[Path] | None, typer.Option(help="Measure on this, not on folds; may be repeated.")
    ] = None,
    folds: Annotated[int, typer.Option(help="Folds, where there is no --test.", min=2)] = 5,
    seed: Annotated[int, typer.Option(help="Makes the run repeatable.", min=0)] = 0,
    as_json: JsonOption = False,
) -> None:
    """Compare how often heuristics and success model tell the task of unseen prompts."""
    from profiles.router_eval import classifier_accuracy as measuring
    from profiles.training.outcomes import OutcomesUnusable

    plan = measuring.TasksPlan(train=tuple(files), test=tuple(test or ()), folds=folds, seed=seed)
    try:
        found = measuring.run_tasks(plan, tell)
    except (OutcomesUnusable, OSError) as exc:
        fail(str(exc))
    typer.echo(
        json.dumps([asdict(one) for one in found], indent=2)
        if as_json
        else measuring.report_tasks(found)
    )


def lengths(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Outcome files with answers' lengths.")
    ],
    folds: Annotated[int, typer.Option(help="Folds of the prompts.", min=2)] = 5,
    seed: Annotated[int, typer.Option(help="Makes the run repeatable.", min=0)] = 0,
    as_json: JsonOption = False,
) -> None:
    """Count the answers to unseen prompts that are no longer than p50 and p95 as foretold."""
    from profiles.router_eval import classifier_accuracy as measuring
    from profiles.training.outcomes import OutcomesUnusable

    plan = measuring.LengthsPlan(files=tuple(files), folds=folds, seed=seed)
    try:
        found = measuring.run_lengths(plan, tell)
    except (OutcomesUnusable, OSError) as exc:
        fail(str(exc))
    show(
        {one.judge: asdict(one) for one in found}, measuring.report_lengths(found), as_json=as_json
    )


def agreement(folder: FolderArgument, as_json: JsonOption = False) -> None:
    """Count how often answers of two pairs are found to say the same, by how many are right."""
    from profiles.bench import agreement as measuring
    from profiles.evaluation.outcome import OutcomesInvalid
    from profiles.training.outcomes import OutcomesUnusable

    try:
        found = measuring.run(folder)
    except (OutcomesInvalid, OutcomesUnusable, OSError) as exc:
        fail(str(exc))
    rates = {way: asdict(counts.rates) for way, counts in found.items()}
    show(rates, measuring.report(found), as_json=as_json)


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
    from profiles.router_eval import router_quality as measuring
    from profiles.training.outcomes import OutcomesUnusable

    if bool(files) == bool(train) or bool(test) != bool(train):
        fail("give either --train FILE --test FILE, or FILE... to split into folds", code=2)
    plan = quality_plan(
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


def quality_plan(
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
    from profiles.router_eval.baselines import embedder
    from profiles.router_eval.router_quality import QualityPlan

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
