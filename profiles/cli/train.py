"""`quantroute train` and `quantroute add-pair`: makes and extends a success model."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from profiles.cli.options import GOLDEN, PricesOption, SeedOption, fail, failing_on, tell
from serve_app.core.errors import CatalogError, SuccessModelRefused


def train(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Outcome files, tables or JSON lines.")
    ],
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
    from profiles.router_eval import router_quality
    from profiles.router_eval.baselines import embedder
    from profiles.training.load_outcomes import read_table
    from profiles.training.outcomes import OutcomesUnusable
    from profiles.training.train import train_file

    command = shlex.join(["quantroute", *sys.argv[1:]])
    with failing_on(OutcomesUnusable, OSError):
        if folds:
            plan = router_quality.QualityPlan(
                train=tuple(files), folds=folds, prices=prices, embedder=embedder(), seed=seed
            )
            typer.echo(router_quality.report(router_quality.run(plan, tell)))
        tell("trains on all prompts")
        size_bytes = train_file(
            read_table(files), out, seed=seed, command=command, certainty=certainty
        )
    typer.echo(f"{out}: {size_bytes / 1e6:.1f} MB")


def add_pair(
    model: Annotated[Path, typer.Argument(help="A model made by `quantroute train`.")],
    out: Annotated[Path, typer.Option(help="Where the grown model goes.")],
    profile: Annotated[
        list[Path] | None, typer.Option(help="The profile of a pair; may be repeated.")
    ] = None,
    questions: Annotated[
        Path,
        typer.Option(
            help="The questions that the profiles' accuracy is of.", show_default="the starter set"
        ),
    ] = GOLDEN,
    outcomes: Annotated[
        list[Path] | None, typer.Option(help="Graded answers of new pairs; may be repeated.")
    ] = None,
) -> None:
    """Add pairs to a trained model without training it again.

    From their profiles, where a quantized pair starts from its parent, or from graded answers.
    """
    from profiles.evaluation.items import ItemsInvalid
    from profiles.training import add_pairs
    from profiles.training.outcomes import OutcomesUnusable

    if bool(profile) == bool(outcomes):
        fail("give either --profile FILE or --outcomes FILE", code=2)
    with failing_on(OutcomesUnusable, ItemsInvalid, CatalogError, SuccessModelRefused, OSError):
        if profile:
            added = add_pairs.add_from_profiles(model, profile, questions, out)
        else:
            added = add_pairs.add_from_outcomes(model, outcomes or [], out)
    typer.echo(f"{out}: added {', '.join(added)}")
