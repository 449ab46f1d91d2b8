"""Adds a pair to a trained model from its profile or from a few graded answers alone.

A pair is a short vector: how often it is right, and how that depends on each factor. The vectors of
the pairs that were trained say which are likely; what is known of the new pair moves it from
there, with its uncertainty. Nothing else of the model changes. A quantized pair starts from its
parent instead, and what moves it is the paired change per task: so its loss differs by kind of
prompt. Where the model tells tasks apart, a pair may also be better or worse at one of them than
factors say: as far as its results there are unlikely to be chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import log

import numpy as np
from scipy.linalg import block_diag
from scipy.special import softmax

from profiles.training.arrays import Floats, singles
from profiles.training.outcomes import OutcomesUnusable
from serve_app.classifier.model_file import Artifact
from serve_app.classifier.success_model import pair_success
from serve_app.classifier.text_features import read
from serve_app.core.profile import PairedAccuracy, Profile, Scope

# Variance of one answer's score, at worst that of a coin.
ANSWER_VARIANCE = 0.22
# How far a task's mean may lie from what factors say, whatever its number of questions.
MISFIT_VARIANCE = 0.02**2
# How far apart pairs are beyond what the trained ones show, and a quantized pair from its parent.
SPREAD = 0.15
QUANTIZATION_SPREAD = 0.08
# How likely a pair is at a task unlike what factors say, how far then, and how far otherwise.
TASK_APART = 0.1
TASK_SPREAD = 0.2
TASK_SCATTER = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Mean scores of groups of prompts, and how sure they are.

    `factors` (groups, K + T) are the means of theirs: factors, then the shares of tasks.
    """

    factors: Floats
    scores: Floats
    variances: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class PairVector:
    """A pair's mean and its loading on each aspect, and the covariance of all of these."""

    mean: float
    loadings: Floats
    covariance: Floats


def factors_of(artifact: Artifact, prompts: Sequence[str]) -> Floats:
    """The factors and shares of tasks (prompts, K + T) that the model reads in prompts."""
    readings = (read(prompt) for prompt in prompts)
    said = [pair_success(artifact, artifact.terms.known(one.words), one.shape) for one in readings]
    return np.array([one.factors for one in said], np.float64)


def graded_answers(artifact: Artifact, prompts: Sequence[str], scores: Floats) -> Evidence:
    """Every answer is a group of its own."""
    return Evidence(
        factors=factors_of(artifact, prompts),
        scores=scores,
        variances=np.full(len(prompts), ANSWER_VARIANCE),
    )


def profile_results(
    artifact: Artifact, profile: Profile, questions: Mapping[Scope, Sequence[str]]
) -> tuple[Evidence, str | None]:
    """A profile's figures per task, and the parent that they refer to.

    `questions` are the prompts of each task it was evaluated on. With a parent in the model, the
    evidence is the paired change. Raises `OutcomesUnusable`.
    """
    parent = profile.parent if profile.parent in artifact.header.pairs else None
    paired: Mapping[Scope, PairedAccuracy] = profile.against_parent if parent else {}
    measured = paired.keys() if paired else profile.accuracy.keys()
    # Overall repeats the tasks: it serves only where they are not known apart.
    common = questions.keys() & measured
    tasks = sorted(common - {"overall"}) or sorted(common)
    if not tasks:
        raise OutcomesUnusable(
            f"the profile of {profile.pair!r} has no accuracy for any of the tasks asked about: "
            f"{', '.join(sorted(questions)) or 'none'}"
        )
    factors = np.array([factors_of(artifact, questions[task]).mean(axis=0) for task in tasks])
    if paired:
        scores = np.array([paired[task].change for task in tasks])
        widths = np.array([paired[task].upper - paired[task].lower for task in tasks])
        # The interval is 95 % wide: 3.92 standard errors.
        variances = (widths / 3.92) ** 2
    else:
        scores = np.array([profile.accuracy[task].mean for task in tasks])
        variances = ANSWER_VARIANCE / np.array([profile.accuracy[task].items for task in tasks])
    evidence = Evidence(factors=factors, scores=scores, variances=variances + MISFIT_VARIANCE)
    return evidence, parent if paired else None


def infer_pair(artifact: Artifact, evidence: Evidence, *, parent: str | None = None) -> PairVector:
    """The likeliest vector; of a quantized pair, `evidence` is of its change from `parent`."""
    stacked = np.vstack((artifact.arrays.pair_means, artifact.arrays.pair_loadings))
    vectors = np.asarray(stacked.T, np.float64)
    if parent is None:
        start = vectors.mean(axis=0)
        scatter = vectors - start
        between = scatter.T @ scatter / max(1, len(vectors) - 1)
        spread = between + SPREAD**2 / 10 * np.eye(len(start))
    else:
        start = np.zeros(vectors.shape[1])
        spread = QUANTIZATION_SPREAD**2 * np.eye(len(start))
    # Tasks are last. Each has a spread of its own.
    known = len(start) - len(artifact.header.tasks)
    found = []
    for apart in product((False, True), repeat=len(artifact.header.tasks)):
        of_tasks = np.array([TASK_SPREAD if one else TASK_SCATTER for one in apart])
        prior = block_diag(spread[:known, :known], np.diag(of_tasks**2))
        log_prior = sum(log(TASK_APART if one else 1 - TASK_APART) for one in apart)
        found.append(_posterior(start, prior, evidence, log_prior=log_prior))
    # Mean and covariance of the mixture of all posteriors.
    means, covariances, log_weights = (np.array(part) for part in zip(*found, strict=True))
    weights = softmax(log_weights)
    vector = weights @ means
    around = means - vector
    covariance = np.tensordot(weights, covariances, axes=1) + (weights * around.T) @ around
    if parent is not None:
        at = artifact.header.pairs.index(parent)
        vector = vector + vectors[at]
        covariance = covariance + artifact.arrays.pair_covariance[at]
    return PairVector(mean=float(vector[0]), loadings=vector[1:], covariance=covariance)


def _posterior(
    start: Floats, spread: Floats, evidence: Evidence, *, log_prior: float
) -> tuple[Floats, Floats, float]:
    """Mean, covariance, and the logarithm of how likely it is, but for a constant.

    Bayesian linear regression: Bishop, Pattern Recognition and Machine Learning, 3.3 and 3.5.
    """
    seen = np.column_stack((np.ones(len(evidence.scores)), evidence.factors))
    weighed = (seen / evidence.variances[:, None]).T
    precision = np.linalg.inv(spread) + weighed @ seen
    covariance = np.asarray(np.linalg.inv(precision), np.float64)
    pull = weighed @ (evidence.scores - seen @ start)
    sizes = np.linalg.slogdet(spread)[1] + np.linalg.slogdet(precision)[1]
    log_weight = log_prior + float(pull @ covariance @ pull - sizes) / 2
    return start + covariance @ pull, covariance, log_weight


def with_pair(artifact: Artifact, pair: str, vector: PairVector) -> Artifact:
    """The same model with one pair more, or with this pair's vector replaced.

    What factors give is taken as it is: a few answers tell no curve.
    """
    arrays, header = artifact.arrays, artifact.header
    others = [at for at, name in enumerate(header.pairs) if name != pair]
    covariances = (arrays.pair_covariance[others], vector.covariance[None])
    straight = np.linspace(0.0, 1.0, arrays.calibration_x.shape[1])
    grown = replace(
        arrays,
        pair_means=singles(np.append(arrays.pair_means[others], vector.mean)),
        pair_loadings=singles(np.column_stack((arrays.pair_loadings[:, others], vector.loadings))),
        pair_covariance=singles(np.concatenate(covariances)),
        calibration_x=singles(np.vstack((arrays.calibration_x[others], straight))),
        calibration_y=singles(np.vstack((arrays.calibration_y[others], straight))),
    )
    pairs = (*(header.pairs[at] for at in others), pair)
    return replace(artifact, arrays=grown, header=replace(header, pairs=pairs))
