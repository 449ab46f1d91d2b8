"""Trains a success model from graded answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from profiles.training.arrays import singles
from profiles.training.calibration import fit_curve
from profiles.training.ensemble import Ensemble, features_of, fit_ensemble
from profiles.training.floor_thresholds import fit_bounds
from profiles.training.latent_factors import LatentFactors, fit_factors, fit_length
from profiles.training.linear import choose_terms
from profiles.training.outcomes import OutcomesUnusable, OutcomeTable
from profiles.training.task_model import TaskModel, fit_tasks
from serve_app.classifier.model_file import LARGEST_BYTES, Arrays, Artifact, Header, save_artifact
from serve_app.classifier.text_features import FEATURE_VERSION, SHAPE_NAMES, Reading, read

LEAST_PROMPTS = 200
# Standard errors by which the answers on unseen prompts have to reach a floor.
CERTAINTY = 1.0
# A prompt is unfamiliar when it knows far fewer words than all but a few of those trained on.
UNFAMILIAR_SHARE = 0.005
UNFAMILIAR_MARGIN = 0.75


def train_file(
    table: OutcomeTable, out: Path, *, seed: int, command: str, certainty: float = CERTAINTY
) -> int:
    """Trains on all of `table` and writes the model; returns its bytes.

    Raises `OSError` or `OutcomesUnusable`.
    """
    readings = [read(prompt) for prompt in table.prompts]
    model = train(table, readings, seed=seed, command=command, certainty=certainty)
    size_bytes = save_artifact(out, model)
    if size_bytes > LARGEST_BYTES:
        raise OutcomesUnusable(
            f"{out} has {size_bytes} bytes, more than {LARGEST_BYTES}: train on fewer kinds"
        )
    return size_bytes


def train(
    table: OutcomeTable,
    readings: Sequence[Reading],
    *,
    seed: int,
    command: str,
    certainty: float = CERTAINTY,
) -> Artifact:
    """`readings` are of the table's prompts, in order. Raises `OutcomesUnusable`.

    Bounds are such that answers reach a floor by `certainty` standard errors.
    """
    if len(table) < LEAST_PROMPTS:
        raise OutcomesUnusable(
            f"{len(table)} prompts are too few to learn from; at least {LEAST_PROMPTS}"
        )
    terms = choose_terms([reading.words for reading in readings])
    known = [float((terms.known(one.words) >= 0).mean()) for one in readings if one.words]
    kinds = tuple(sorted(set(table.kinds)))
    latent_factors = fit_factors(table)
    features = features_of(table, terms, readings, kinds)
    ensemble = fit_ensemble(features, latent_factors.targets, seed=seed)
    tasks = fit_tasks(features.terms, table.kinds, words=features.words)
    length = latent_factors.length
    header = Header(
        format="quantroute-success-2",
        feature_version=FEATURE_VERSION,
        seed=seed,
        command=command,
        data=dict(table.data),
        prompts=len(table),
        pairs=table.pairs,
        kinds=kinds,
        tasks=tasks.tasks,
        words=(),
        shape=SHAPE_NAMES,
        forest_depth=ensemble.forest.depth,
        certainty=certainty,
        familiar_share=round(float(np.quantile(known, UNFAMILIAR_SHARE)) * UNFAMILIAR_MARGIN, 3),
        length=None if length is None else fit_length(length, ensemble.unseen[:, -1]),
    )
    arrays = _arrays(table, latent_factors, ensemble, tasks, len(kinds), certainty)
    return Artifact(header=header, terms=terms, forest=ensemble.forest, arrays=arrays)


def _arrays(
    table: OutcomeTable,
    latent_factors: LatentFactors,
    ensemble: Ensemble,
    tasks: TaskModel,
    kind_count: int,
    certainty: float,
) -> Arrays:
    """With a curve from raw to true success per pair, and the thresholds of floors per kind."""
    raw = latent_factors.pair_means + ensemble.unseen @ latent_factors.loadings
    columns = range(len(table.pairs))
    curves = [fit_curve(raw[:, at], table.scores[:, at]) for at in columns]
    means = np.column_stack([np.interp(raw[:, at], *curves[at]) for at in columns])
    bound_mean, bound_floor = fit_bounds(
        means, table.scores, ensemble.likely_kinds, kind_count=kind_count, certainty=certainty
    )
    # What a trained pair gets right of a task, its factors tell.
    pairs = len(latent_factors.pair_means)
    no_task = np.zeros((len(tasks.tasks), pairs), np.float32)
    coefficients = 1 + len(latent_factors.loadings) + len(no_task)
    return Arrays(
        trait_weights=ensemble.linear.trait_weights,
        kind_weights=ensemble.linear.kind_weights,
        kind_prior=ensemble.linear.kind_prior,
        kind_traits=ensemble.linear.kind_traits,
        task_weights=tasks.task_weights,
        task_prior=tasks.task_prior,
        blend=singles(ensemble.blend),
        blend_offset=singles(ensemble.offset),
        pair_means=singles(latent_factors.pair_means),
        pair_loadings=np.vstack((singles(latent_factors.loadings), no_task)),
        pair_covariance=np.zeros((pairs, coefficients, coefficients), np.float32),
        calibration_x=singles([x for x, _ in curves]),
        calibration_y=singles([y for _, y in curves]),
        bound_mean=singles(bound_mean),
        bound_floor=singles(bound_floor),
    )
