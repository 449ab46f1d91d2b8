"""A success model on disk: one compressed file of arrays and a header that describes it."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import exp
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from annotated_types import Len
from pydantic import TypeAdapter, ValidationError

from serve_app.atomic_write import write_atomically
from serve_app.classifier.forest import Forest
from serve_app.classifier.output_length import LONGEST_TOKENS
from serve_app.classifier.term_index import Terms
from serve_app.classifier.text_features import FEATURE_VERSION, SHAPE_NAMES
from serve_app.core.errors import SuccessModelRefused
from serve_app.core.request import Task
from serve_app.core.units import Name, NonNegativeFloat, NonNegativeInt, PositiveInt, Ratio, Strict
from serve_app.validation_errors import problem_lines

Floats = npt.NDArray[np.float32]

HEADER_NAME = "header"
LARGEST_BYTES = 10 * 1024 * 1024
LARGEST_UNPACKED_BYTES = 20 * LARGEST_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerLength(Strict):
    """What the length factor means: tokens are `exp(mean + scale * factor)`, spread as measured."""

    mean: float
    scale: NonNegativeFloat
    p50_residual: float
    p95_residual: float

    def tokens(self, factor: float) -> tuple[int, int]:
        """Median and 95th percentile of the answer's length."""
        median = self.mean + self.scale * factor + self.p50_residual
        p50 = min(max(1, round(exp(min(median, 10.0)))), LONGEST_TOKENS)
        spread = exp(self.p95_residual - self.p50_residual)
        return p50, min(max(p50, round(p50 * spread)), LONGEST_TOKENS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header(Strict):
    """How the model was made, and the names of what its arrays count.

    `tasks` are those that it tells apart, none where no outcome named its task. `data` maps each
    file it was trained on to its SHA-256. `familiar_share` is the share of a prompt's words that
    must be known for the model to say anything of it. `certainty` is the standard errors by which
    answers reached a floor that its bound promised, and by which a bound allows for a pair that few
    answers are known of.
    """

    format: Literal["quantroute-success-2"]
    feature_version: PositiveInt
    seed: NonNegativeInt
    command: str
    data: Mapping[str, str]
    prompts: PositiveInt
    pairs: Annotated[tuple[Name, ...], Len(1)]
    kinds: Annotated[tuple[Name, ...], Len(1)]
    tasks: tuple[Task, ...]
    words: tuple[str, ...]
    shape: tuple[str, ...]
    forest_depth: NonNegativeInt
    familiar_share: Ratio
    length: AnswerLength | None
    certainty: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Arrays:
    """The numbers of a model. K factors, P pairs, G kinds, T tasks, C knots, F floors.

    Factors are what prompts differ in: `trait_weights` (terms, K) reads them from terms,
    `kind_traits` (G, K) is their mean in each kind; `blend` (2, K) weighs the linear reading and
    the forest's. A pair's success is `pair_means` plus factors, which are factors and shares of
    tasks, times `pair_loadings` (K + T, P), then calibrated by `calibration_x`, evenly spaced, to
    `calibration_y` (P, C). `bound_mean` (G, F) is the success from which on a prompt of that kind
    is held to reach `bound_floor` (F,). `pair_covariance` (P, 1 + K + T, 1 + K + T) is how unsure
    a pair's mean and loadings are: zero for a trained pair. `task_weights` (words, T)
    and `task_prior` (T,) tell the task.
    """

    trait_weights: Floats
    kind_weights: Floats
    kind_prior: Floats
    kind_traits: Floats
    task_weights: Floats
    task_prior: Floats
    blend: Floats
    blend_offset: Floats
    pair_means: Floats
    pair_loadings: Floats
    pair_covariance: Floats
    calibration_x: Floats
    calibration_y: Floats
    bound_mean: Floats
    bound_floor: Floats


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """A trained model, whole."""

    header: Header
    terms: Terms
    forest: Forest
    arrays: Arrays


HEADER = TypeAdapter(Header)

# What numpy and zipfile raise for damaged bytes; the last but one for an unknown compression,
# the last for an array whose header exceeds any memory.
UNREADABLE = (
    *(OSError, ValueError, EOFError, AttributeError),
    *(zipfile.BadZipFile, zlib.error, RuntimeError, MemoryError),
)

# Halves the file; the weights are far less sure than their third decimal.
HALF = ("trait_weights", "kind_weights", "task_weights", "values")


def save_artifact(path: Path, artifact: Artifact) -> int:
    """Replaces `path` in one step and returns its size in bytes. Raises `OSError`."""
    header = replace(artifact.header, words=artifact.terms.words)
    stored: dict[str, npt.NDArray[Any]] = {
        HEADER_NAME: np.frombuffer(HEADER.dump_json(header), np.uint8),
        "pairs": artifact.terms.pairs,
        "idf": artifact.terms.idf,
        **{name: getattr(artifact.forest, name) for name in FOREST_ARRAYS},
        **{name: getattr(artifact.arrays, name) for name in ARRAYS},
    }
    for name in HALF:
        stored[name] = stored[name].astype(np.float16)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **stored)
    write_atomically(path, buffer.getvalue())
    return buffer.tell()


def load_artifact(path: Path) -> Artifact:
    """Raises `SuccessModelRefused`."""
    try:
        # From memory: a broken archive would leave the file open.
        packed = io.BytesIO(path.read_bytes())
        with zipfile.ZipFile(packed) as archive:
            size_bytes = sum(entry.file_size for entry in archive.infolist())
        if size_bytes > LARGEST_UNPACKED_BYTES:
            raise SuccessModelRefused(
                str(path), f"it unpacks to {size_bytes} bytes, more than {LARGEST_UNPACKED_BYTES}"
            )
        with np.load(packed, allow_pickle=False) as file:
            stored: dict[str, npt.NDArray[Any]] = {name: file[name] for name in file.files}
    except UNREADABLE as exc:
        raise SuccessModelRefused(str(path), f"no readable file of arrays: {exc}") from exc
    for name, array in stored.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise SuccessModelRefused(str(path), f"{name} holds what is no number")
    header = _header(path, stored)
    missing = sorted({"pairs", "idf", *FOREST_ARRAYS, *ARRAYS} - stored.keys())
    if missing:
        raise SuccessModelRefused(str(path), f"it lacks {', '.join(missing)}: train it again")
    for name in HALF:
        stored[name] = stored[name].astype(np.float32)
    artifact = Artifact(
        header=replace(header, words=()),
        terms=Terms(words=header.words, pairs=stored["pairs"], idf=stored["idf"]),
        forest=Forest(depth=header.forest_depth, **{name: stored[name] for name in FOREST_ARRAYS}),
        arrays=Arrays(**{name: stored[name] for name in ARRAYS}),
    )
    _check_sizes(path, artifact)
    return artifact


FOREST_ARRAYS = ("roots", "feature", "threshold", "left", "right", "leaf", "values")
ARRAYS = tuple(Arrays.__dataclass_fields__)


def _header(path: Path, stored: Mapping[str, npt.NDArray[Any]]) -> Header:
    if HEADER_NAME not in stored:
        raise SuccessModelRefused(str(path), "it has no header: train it with `quantroute train`")
    try:
        header = HEADER.validate_json(stored[HEADER_NAME].tobytes())
    except ValidationError as exc:
        problems = "; ".join(problem_lines(exc))
        raise SuccessModelRefused(
            str(path), f"its header is of another program: {problems}: train it again"
        ) from exc
    if header.feature_version != FEATURE_VERSION or header.shape != SHAPE_NAMES:
        raise SuccessModelRefused(
            str(path),
            f"it was trained for feature version {header.feature_version}, this program reads "
            f"version {FEATURE_VERSION}: train it again with {header.command!r}",
        )
    return header


def _check_sizes(path: Path, artifact: Artifact) -> None:
    """Arrays that do not fit each other would only show at the first prompt."""
    arrays, header = artifact.arrays, artifact.header
    pairs, tasks = len(header.pairs), len(header.tasks)
    latent_factors = arrays.kind_traits.shape[-1] if arrays.kind_traits.ndim else 0
    factors = latent_factors + tasks
    expected = {
        "trait_weights": (len(artifact.terms.idf), latent_factors),
        "kind_prior": (len(header.kinds),),
        "kind_weights": (len(artifact.terms.words), len(header.kinds)),
        "kind_traits": (len(header.kinds), latent_factors),
        "task_weights": (len(artifact.terms.words), tasks),
        "task_prior": (tasks,),
        "blend": (2, latent_factors),
        "blend_offset": (latent_factors,),
        "pair_means": (pairs,),
        "pair_loadings": (factors, pairs),
        "pair_covariance": (pairs, 1 + factors, 1 + factors),
        "calibration_x": arrays.calibration_y.shape,
        "bound_mean": (len(header.kinds), len(arrays.bound_floor)),
    }
    for name, shape in expected.items():
        came = getattr(arrays, name).shape
        if came != shape:
            raise SuccessModelRefused(str(path), f"{name} has the shape {came}, not {shape}")
    if pairs != len(arrays.calibration_x) or artifact.forest.values.shape[1] != latent_factors:
        raise SuccessModelRefused(str(path), "its pairs, factors and forest do not fit each other")
