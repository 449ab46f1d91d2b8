"""Adds a pair to a trained model from its profile or from a few graded answers alone.

A pair is a short vector: how often it is right, and how that depends on each trait. The vectors of
the pairs that were trained say which are likely; what is known of the new pair moves it from
there, and says how sure it is. Nothing else of the model changes. A quantized pair starts from its
parent instead, and what moves it is the paired change per task: so its loss differs by kind of
prompt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from profiles.learning.outcome_table import OutcomesUnusable
from serve_app.adapters.success_artifact import Artifact
from serve_app.adapters.success_model import pair_success
from serve_app.adapters.success_text import read
from serve_app.core.profile import PairedAccuracy, Profile, Scope

Floats = npt.NDArray[np.float64]

# Variance of one answer's score, at worst that of a coin.
ANSWER_VARIANCE = 0.22
# How far a task's mean may lie from what traits say, whatever its number of questions.
MISFIT_VARIANCE = 0.02**2
# How far apart pairs are beyond what the trained ones show, and a quantized pair from its parent.
SPREAD = 0.15
QUANTIZATION_SPREAD = 0.08


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Mean scores of groups of prompts: their mean traits (groups, K), and how sure they are."""

    traits: Floats
    scores: Floats
    variances: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class PairVector:
    """A pair's mean and its loading on each trait, and the covariance of all of these."""

    mean: float
    loadings: Floats
    covariance: Floats


def traits_of(artifact: Artifact, prompts: Sequence[str]) -> Floats:
    """The traits (prompts, K) that the model reads in prompts."""
    readings = [read(prompt) for prompt in prompts]
    known = [artifact.terms.known(reading.words) for reading in readings]
    return np.array(
        [
            pair_success(artifact, words, reading.shape).traits
            for words, reading in zip(known, readings, strict=True)
        ],
        np.float64,
    )


def graded_answers(artifact: Artifact, prompts: Sequence[str], scores: Floats) -> Evidence:
    """Every answer is a group of its own."""
    return Evidence(
        traits=traits_of(artifact, prompts),
        scores=scores,
        variances=np.full(len(prompts), ANSWER_VARIANCE),
    )


def profile_results(
    artifact: Artifact, profile: Profile, questions: Mapping[Scope, Sequence[str]]
) -> tuple[Evidence, str | None]:
    """What a profile says per task, and the parent that it says it of.

    `questions` are the prompts of each task it was evaluated on. With a parent in the model, the
    evidence is the paired change. Raises `OutcomesUnusable`.
    """
    parent = profile.parent if profile.parent in artifact.header.pairs else None
    paired: Mapping[Scope, PairedAccuracy] = profile.against_parent if parent else {}
    measured = paired.keys() if paired else profile.accuracy.keys()
    # Overall repeats what the tasks say: it serves only where they are not told apart.
    tasks = sorted((questions.keys() & measured) - {"overall"}) or sorted(
        questions.keys() & measured
    )
    if not tasks:
        raise OutcomesUnusable(
            f"the profile of {profile.pair!r} has no accuracy for any of the tasks asked about: "
            f"{', '.join(sorted(questions)) or 'none'}"
        )
    traits = np.array([traits_of(artifact, questions[task]).mean(axis=0) for task in tasks])
    if paired:
        scores = np.array([paired[task].change for task in tasks])
        widths = np.array([paired[task].upper - paired[task].lower for task in tasks])
        # The interval is 95 % wide: 3.92 standard errors.
        variances = (widths / 3.92) ** 2
    else:
        scores = np.array([profile.accuracy[task].mean for task in tasks])
        variances = ANSWER_VARIANCE / np.array([profile.accuracy[task].items for task in tasks])
    evidence = Evidence(traits=traits, scores=scores, variances=variances + MISFIT_VARIANCE)
    return evidence, parent if paired else None


def infer_pair(artifact: Artifact, evidence: Evidence, *, parent: str | None = None) -> PairVector:
    """The likeliest vector; of a quantized pair, `evidence` is of its change from `parent`."""
    vectors = np.vstack((artifact.arrays.pair_means, artifact.arrays.pair_loadings)).T
    size = vectors.shape[1]
    if parent is None:
        start = vectors.mean(axis=0)
        scatter = vectors - start
        spread = scatter.T @ scatter / max(1, len(vectors) - 1) + SPREAD**2 / 10 * np.eye(size)
    else:
        start = np.zeros(size)
        spread = QUANTIZATION_SPREAD**2 * np.eye(size)
    seen = np.column_stack((np.ones(len(evidence.scores)), evidence.traits))
    weighed = (seen / evidence.variances[:, None]).T
    covariance = np.asarray(np.linalg.inv(np.linalg.inv(spread) + weighed @ seen), np.float64)
    vector = start + covariance @ weighed @ (evidence.scores - seen @ start)
    if parent is not None:
        at = artifact.header.pairs.index(parent)
        vector = vector + vectors[at]
        covariance = covariance + artifact.arrays.pair_covariance[at]
    return PairVector(mean=float(vector[0]), loadings=vector[1:], covariance=covariance)


def with_pair(artifact: Artifact, pair: str, vector: PairVector) -> Artifact:
    """The same model with one pair more, or with this pair's vector replaced.

    What traits give is taken as it is: a few answers tell no curve.
    """
    artifact = _without(artifact, pair)
    arrays, header = artifact.arrays, artifact.header
    x = y = np.linspace(0.0, 1.0, arrays.calibration_x.shape[1])
    grown = replace(
        arrays,
        pair_means=np.append(arrays.pair_means, vector.mean).astype(np.float32),
        pair_loadings=np.column_stack((arrays.pair_loadings, vector.loadings)).astype(np.float32),
        pair_covariance=np.concatenate((arrays.pair_covariance, vector.covariance[None])).astype(
            np.float32
        ),
        calibration_x=np.vstack((arrays.calibration_x, x)).astype(np.float32),
        calibration_y=np.vstack((arrays.calibration_y, y)).astype(np.float32),
    )
    return replace(artifact, arrays=grown, header=replace(header, pairs=(*header.pairs, pair)))


def _without(artifact: Artifact, pair: str) -> Artifact:
    if pair not in artifact.header.pairs:
        return artifact
    at = artifact.header.pairs.index(pair)
    arrays = artifact.arrays
    left = replace(
        arrays,
        pair_means=np.delete(arrays.pair_means, at),
        pair_loadings=np.delete(arrays.pair_loadings, at, axis=1),
        pair_covariance=np.delete(arrays.pair_covariance, at, axis=0),
        calibration_x=np.delete(arrays.calibration_x, at, axis=0),
        calibration_y=np.delete(arrays.calibration_y, at, axis=0),
    )
    others = tuple(name for name in artifact.header.pairs if name != pair)
    return replace(artifact, arrays=left, header=replace(artifact.header, pairs=others))
