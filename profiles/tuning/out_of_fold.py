"""What success models say of prompts that they have not seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from profiles.router_eval.out_of_fold import Progress, success_of
from profiles.training.arrays import Floats, Ints
from profiles.training.folds import Split
from profiles.training.outcomes import OutcomesUnusable, OutcomeTable
from profiles.training.train import train
from serve_app.classifier.model_file import Artifact, load_artifact
from serve_app.classifier.request_text import segment
from serve_app.classifier.success_model import SuccessModel, linear_reading
from serve_app.classifier.text_features import read
from serve_app.core.request import Prompt, PromptClassification


@dataclass(frozen=True, kw_only=True)
class Part:
    """Rows of a table, and a model that has not seen their prompts."""

    rows: Ints
    model: Artifact


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfFold:
    """Predicted success (prompts, pairs) of unseen prompts, and the kind each was taken for."""

    means: Floats
    likely_kinds: tuple[str, ...]

    def rows(self, which: Ints) -> OutOfFold:
        return OutOfFold(
            means=self.means[which], likely_kinds=tuple(self.likely_kinds[row] for row in which)
        )


def train_per_fold(
    table: OutcomeTable, splits: Sequence[Split], *, seed: int, progress: Progress
) -> list[Part]:
    """A model for each split, trained on its other half. Raises `OutcomesUnusable`."""
    readings = [read(prompt) for prompt in table.prompts]
    parts: list[Part] = []
    for number, split in enumerate(splits, start=1):
        progress(f"fold {number} of {len(splits)}: learns from {len(split.train)} prompts")
        known = [readings[row] for row in split.train]
        model = train(table.rows(split.train), known, seed=seed, command="")
        parts.append(Part(rows=split.test, model=model))
    return parts


def given_model(path: Path, table: OutcomeTable) -> Part:
    """The model in `path` for all rows. Raises `SuccessModelRefused` or `OutcomesUnusable`."""
    model = load_artifact(path)
    trained_on = {digest: name for name, digest in model.header.data.items()}
    for name, digest in table.data:
        if digest in trained_on:
            raise OutcomesUnusable(
                f"{path} was trained on {name} itself (there as {trained_on[digest]!r}, the same "
                f"SHA-256): its predictions for them are no test; leave --model out, and a "
                f"model is trained per fold"
            )
    unknown = [pair for pair in table.pairs if pair not in model.header.pairs]
    if unknown:
        raise OutcomesUnusable(
            f"{path} does not know {', '.join(unknown)}; it knows {', '.join(model.header.pairs)}: "
            f"add pairs with `quantroute add-pair`"
        )
    return Part(rows=np.arange(len(table)), model=model)


def predict_out_of_fold(table: OutcomeTable, parts: Sequence[Part]) -> OutOfFold:
    means = np.full(table.scores.shape, np.nan)
    kinds = np.full(len(table), "", dtype=object)
    for part in parts:
        columns = [part.model.header.pairs.index(pair) for pair in table.pairs]
        readings = [read(table.prompts[row]) for row in part.rows]
        means[part.rows] = success_of(part.model, readings).means[:, columns]
        for row, reading in zip(part.rows, readings, strict=True):
            linear = linear_reading(part.model, part.model.terms.known(reading.words))
            kinds[row] = part.model.header.kinds[int(linear.kind_shares.argmax())]
    return OutOfFold(means=means, likely_kinds=tuple(kinds.tolist()))


def classifications_of(
    table: OutcomeTable, parts: Sequence[Part], *, local: Callable[[Prompt], PromptClassification]
) -> list[PromptClassification]:
    """What the classifier deployment would say of each prompt, with its part's model."""
    classified: dict[int, PromptClassification] = {}
    for part in parts:
        model = SuccessModel(part.model, local=local)
        for row in part.rows.tolist():
            classified[row] = model.classify_sync(segment(table.prompts[row]))
    return [classified[row] for row in range(len(table))]
