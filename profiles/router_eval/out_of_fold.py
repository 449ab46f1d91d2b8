"""What every router predicts for unseen prompts: the success model and its rivals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from profiles.router_eval import baselines
from profiles.router_eval.prices import Costs
from profiles.training.arrays import Floats, Singles
from profiles.training.folds import Split
from profiles.training.outcomes import OutcomeTable
from profiles.training.train import train
from serve_app.classifier.model_file import Artifact
from serve_app.classifier.success_model import pair_success
from serve_app.classifier.text_features import Reading, read

Progress = Callable[[str], None]

SUCCESS_MODEL = "success model"
TFIDF = "tf-idf and logistic regression"
NEIGHBOURS = "nearest neighbours"
RANDOM = "random"
CHEAPEST = "always the cheapest"
BEST = "always the best"


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """Success and its lower bound (prompts, pairs), as one router predicts them."""

    means: Floats
    lowers: Floats


def predict_out_of_fold(
    table: OutcomeTable,
    costs: Costs,
    splits: Sequence[Split],
    *,
    seed: int,
    embedder: Path | None,
    progress: Progress,
) -> dict[str, Predicted]:
    """By router; nearest neighbours only with an `embedder`, the folder of its checkpoint.

    Every row in the test half of a split is predicted, the others are NaN."""
    readings = [read(prompt) for prompt in table.prompts]
    vectors = _vectors(table, splits, embedder, progress)
    found: dict[str, Predicted] = {}
    for number, split in enumerate(splits, start=1):
        progress(
            f"split {number} of {len(splits)}: learns from {len(split.train)} prompts, is asked "
            f"{len(split.test)}"
        )
        known, asked = table.rows(split.train), table.rows(split.test)
        model = train(known, [readings[row] for row in split.train], seed=seed, command="")
        said = {
            SUCCESS_MODEL: success_of(model, [readings[row] for row in split.test]),
            **_rivals(known, asked, costs.rows(split.test), seed),
        }
        if vectors is not None:
            near = baselines.nearest_neighbours(known, vectors[split.train], vectors[split.test])
            said[NEIGHBOURS] = Predicted(means=near, lowers=near)
        for name, predicted in said.items():
            nothing = np.full((2, *table.scores.shape), np.nan)
            into = found.setdefault(name, Predicted(means=nothing[0], lowers=nothing[1]))
            into.means[split.test] = predicted.means
            into.lowers[split.test] = predicted.lowers
    return found


def success_of(artifact: Artifact, readings: Sequence[Reading]) -> Predicted:
    """What a router with this model would get, prompt by prompt."""
    said = [pair_success(artifact, artifact.terms.known(one.words), one.shape) for one in readings]
    return Predicted(
        means=np.array([one.means for one in said]), lowers=np.array([one.lowers for one in said])
    )


def _rivals(
    known: OutcomeTable, asked: OutcomeTable, costs: Costs, seed: int
) -> Mapping[str, Predicted]:
    best = int(np.nanmean(known.scores, axis=0).argmax())
    cheapest = int(costs.expected.mean(axis=0).argmin())
    # One pair is right and the others are wrong.
    certain = np.eye(len(known.pairs))
    means = {
        TFIDF: baselines.tfidf_logistic(known, asked),
        RANDOM: np.random.default_rng(seed).random(asked.scores.shape),
        CHEAPEST: np.tile(certain[cheapest], (len(asked), 1)),
        BEST: np.tile(certain[best], (len(asked), 1)),
    }
    return {name: Predicted(means=value, lowers=value) for name, value in means.items()}


def _vectors(
    table: OutcomeTable, splits: Sequence[Split], embedder: Path | None, progress: Progress
) -> Singles | None:
    if embedder is None:
        progress(f"no {NEIGHBOURS}: {baselines.INSTALL} brings the sentence embeddings")
        return None
    progress(f"embeds {len(table)} prompts for the {NEIGHBOURS}, unless it has before")
    # A file to learn from is embedded once, whichever prompts it is tested on.
    alone = len(splits) == 1
    parts = (splits[0].train, splits[0].test) if alone else (np.arange(len(table)),)
    vectors = [
        baselines.embed([table.prompts[row] for row in rows], embedder, progress) for rows in parts
    ]
    return np.vstack(vectors)[np.argsort(np.concatenate(parts))]
