"""Adds pairs to a model on disk: from their profiles, or from outcome files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from profiles.evaluation.items import read_items
from profiles.training.load_outcomes import read_table
from profiles.training.outcomes import OutcomesUnusable
from profiles.training.pair_inference import graded_answers, infer_pair, profile_results, with_pair
from serve_app.classifier.model_file import load_artifact, save_artifact
from serve_app.core.profile import Scope
from serve_app.store.codec import decode_profile

LEAST_ANSWERS = 50


def add_from_profiles(
    model: Path, profiles: Sequence[Path], questions: Path, out: Path
) -> tuple[str, ...]:
    """Adds the pair of each profile; `questions` are the items that it was evaluated on.

    Unquantized pairs come first, so that their quantizations can start from them. Returns the
    pairs added. Raises `OSError`, `ItemsInvalid`, `CatalogInvalid`, `SuccessModelRefused` or
    `OutcomesUnusable`.
    """
    artifact = load_artifact(model)
    asked: dict[Scope, list[str]] = defaultdict(list)
    for item in read_items(questions):
        text = "\n\n".join(message.content for message in item.messages)
        asked[item.task].append(text)
        asked["overall"].append(text)
    read = [decode_profile(path.read_bytes(), str(path)) for path in profiles]
    for profile in sorted(read, key=lambda profile: profile.parent is not None):
        evidence, parent = profile_results(artifact, profile, asked)
        vector = infer_pair(artifact, evidence, parent=parent)
        artifact = with_pair(artifact, profile.pair, vector)
    save_artifact(out, artifact)
    return tuple(profile.pair for profile in read)


def add_from_outcomes(model: Path, outcomes: Sequence[Path], out: Path) -> tuple[str, ...]:
    """Adds each pair in the files that the model does not know, from its graded answers.

    Raises `OSError`, `SuccessModelRefused` or `OutcomesUnusable`.
    """
    artifact = load_artifact(model)
    table = read_table(outcomes)
    new = [pair for pair in table.pairs if pair not in artifact.header.pairs]
    if not new:
        raise OutcomesUnusable("the model knows every pair in these outcomes: train it again")
    for pair in new:
        scores = table.scores[:, table.column(pair)]
        rows = np.flatnonzero(~np.isnan(scores))
        if len(rows) < LEAST_ANSWERS:
            raise OutcomesUnusable(
                f"{len(rows)} graded answers of {pair!r} are too few; at least {LEAST_ANSWERS}"
            )
        prompts = [table.prompts[row] for row in rows]
        evidence = graded_answers(artifact, prompts, scores[rows])
        artifact = with_pair(artifact, pair, infer_pair(artifact, evidence))
    save_artifact(out, artifact)
    return tuple(new)
