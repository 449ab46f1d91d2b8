"""Judges a prompt with a trained success model. Needs numpy alone; knows no request and no load."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from serve_app.classifier.model_file import Artifact, Header, load_artifact
from serve_app.classifier.text_features import read_instruction
from serve_app.core.request import Prompt, PromptClassification, Success

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

ORIGIN = "success model"
# Below, what the heuristics take a prompt for came true more often.
LEAST_TASK_SHARE = 0.5
ONE = np.ones(1, np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearReading:
    """What the linear parts make of a text; the forest sees it with the text's shape."""

    latent_factors: Floats
    kind_traits: Floats
    kind_shares: Floats
    task_shares: Floats

    def features(self, shape: list[float]) -> Floats:
        """All that the forest splits on."""
        return np.concatenate(
            (
                np.array(shape, np.float32),
                self.latent_factors,
                self.kind_traits,
                [self.kind_shares.max()],
            ),
            dtype=np.float32,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSuccess:
    """What a text gets: its factors, and per pair the chance to answer right and its lower bound.

    `task_shares` say how likely each task is that the model tells apart. `factors` are both, one
    after the other: what a pair's success depends on.
    """

    latent_factors: Floats
    task_shares: Floats
    factors: Floats
    means: npt.NDArray[np.float64]
    lowers: npt.NDArray[np.float64]


def load_success_model(
    path: Path, *, local: Callable[[Prompt], PromptClassification]
) -> SuccessModel:
    """`local` classifies what the model does not: an unfamiliar prompt, and the task with it.

    Raises `SuccessModelRefused`.
    """
    return SuccessModel(load_artifact(path), local=local)


class SuccessModel:
    """A `Classifier` that knows what each of its pairs will get right.

    What is asked decides, not what stands before it. Of a prompt most of whose words were never
    seen in training it predicts nothing: then each pair's profile counts.
    """

    def __init__(
        self, artifact: Artifact, *, local: Callable[[Prompt], PromptClassification]
    ) -> None:
        self._artifact = artifact
        self._local = local

    @property
    def header(self) -> Header:
        """How the model was made."""
        return self._artifact.header

    async def classify(self, prompt: Prompt) -> PromptClassification:
        return self.classify_sync(prompt)

    def classify_sync(self, prompt: Prompt) -> PromptClassification:
        """The same without waiting: nothing here does."""
        classification = self._local(prompt)
        reading = read_instruction(prompt.instruction)
        known = self._artifact.terms.known(reading.words)
        familiar = np.count_nonzero(known >= 0) / max(1, len(known))
        if familiar < self.header.familiar_share:
            return replace(
                classification, origin=f"{classification.origin}: words unknown to the model"
            )
        said = pair_success(self._artifact, known, reading.shape)
        task, confidence = classification.task, classification.task_confidence
        # Of tasks it has seldom seen the model knows nothing, and takes them for one it knows.
        if task in self.header.tasks:
            likeliest = int(said.task_shares.argmax())
            share = float(said.task_shares[likeliest])
            if share >= max(LEAST_TASK_SHARE, confidence):
                task, confidence = self.header.tasks[likeliest], round(share, 3)
        p50, p95 = classification.output_tokens_p50, classification.output_tokens_p95
        if self.header.length is not None:
            p50, p95 = self.header.length.tokens(float(said.latent_factors[-1]))
        return replace(
            classification,
            task=task,
            task_confidence=confidence,
            difficulty=1.0 - float(said.means.mean()),
            output_tokens_p50=p50,
            output_tokens_p95=p95,
            origin=ORIGIN,
            success={
                pair: Success(mean=mean, lower=lower)
                for pair, mean, lower in zip(
                    self.header.pairs, said.means.tolist(), said.lowers.tolist(), strict=True
                )
            },
        )


def pair_success(artifact: Artifact, known: Ints, shape: list[float]) -> PairSuccess:
    """The prediction for a text, familiar or not, from its words' numbers and its shape."""
    arrays = artifact.arrays
    linear = linear_reading(artifact, known)
    grown = artifact.forest.each_tree(linear.features(shape)).mean(axis=0)
    latent_factors = (
        arrays.blend[0] * linear.latent_factors + arrays.blend[1] * grown + arrays.blend_offset
    )
    factors = np.concatenate((latent_factors, linear.task_shares))
    raw = arrays.pair_means + factors @ arrays.pair_loadings
    means = _on_curves(raw, arrays.calibration_x, arrays.calibration_y)
    kind = int(linear.kind_shares.argmax())
    # Few answers place a pair roughly. Rounding may leave a variance of zero slightly negative.
    at = np.concatenate((ONE, factors))
    deviations = np.sqrt((arrays.pair_covariance @ at @ at).clip(0.0))
    sure = (means - artifact.header.certainty * deviations).clip(0.0)
    bounds = np.interp(sure, arrays.bound_mean[kind], arrays.bound_floor)
    return PairSuccess(
        latent_factors=latent_factors,
        task_shares=linear.task_shares,
        factors=factors,
        means=means,
        lowers=np.minimum(bounds, sure),
    )


def _on_curves(raw: npt.NDArray[np.floating], x: Floats, y: Floats) -> npt.NDArray[np.float64]:
    """Each value on a curve of its own, level beyond its ends."""
    last = x.shape[1] - 1
    step = np.maximum((x[:, last] - x[:, 0]) / last, 1e-9)
    at = ((raw - x[:, 0]) / step).clip(0.0, last)
    below = np.minimum(at.astype(np.int64), last - 1)
    curve = np.arange(len(raw))
    low, high = y[curve, below], y[curve, below + 1]
    value: npt.NDArray[np.float64] = low + (at - below) * (high - low)
    return value.clip(0.0, 1.0)


def linear_reading(artifact: Artifact, known: Ints) -> LinearReading:
    """Factors, kinds and tasks as the weights of single terms give them."""
    arrays, terms = artifact.arrays, artifact.terms
    found, weights = terms.weighted(known)
    # Words are numbered before pairs of words, and alone tell kinds and tasks.
    words = found[: np.searchsorted(found, len(terms.words))]
    of_words = weights[: len(words)]
    kinds = _shares(of_words @ arrays.kind_weights.take(words, axis=0) + arrays.kind_prior)
    return LinearReading(
        latent_factors=weights @ arrays.trait_weights.take(found, axis=0),
        kind_traits=kinds @ arrays.kind_traits,
        kind_shares=kinds,
        task_shares=_shares(of_words @ arrays.task_weights.take(words, axis=0) + arrays.task_prior),
    )


def _shares(scores: Floats) -> Floats:
    """Scores as probabilities that sum to one, where there is anything to tell apart."""
    if len(scores) == 0:
        return scores
    odds = np.exp(scores - scores.max())
    shares: Floats = odds / odds.sum()
    return shares
