"""How well a pair is known that was added to a model from a few answers, on unseen prompts.

The pair is left out of training, then added from answers to prompts that were not trained on
either, and judged on prompts that nothing has seen. Beside it stands the same pair, trained. What
was found is told as table and as JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from profiles.router_eval.out_of_fold import Predicted, success_of
from profiles.training.calibration import expected_calibration_error
from profiles.training.folds import Split, folds
from profiles.training.load_outcomes import read_table
from profiles.training.outcomes import OutcomesUnusable, OutcomeTable
from profiles.training.pair_inference import (
    ANSWER_VARIANCE,
    MISFIT_VARIANCE,
    Evidence,
    PairVector,
    graded_answers,
    infer_pair,
    with_pair,
)
from profiles.training.train import train
from serve_app.classifier.model_file import Artifact
from serve_app.classifier.text_features import Reading, read

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
Progress = Callable[[str], None]

FLOORS = np.round(np.arange(0.1, 1.0, 0.1), 1)
# Whether a floor was kept shows on no fewer prompts.
LEAST_PROMPTS = 20
TRAINED = "trained"
UNDOUBTED = ", taken for sure"
ALL = "all pairs"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A pair as one way of adding it knows it, or as training does.

    In a cell, a floor and a kind of prompt, it is asked where its bound reaches the floor. Of the
    `cells` with enough such prompts, `kept` is the share whose answers reach the floor; `asked`
    is the share of all prompts and floors. `kept_undoubted` and `asked_undoubted` are what they
    were if bounds took what is said of the pair for sure.
    """

    pair: str
    way: str
    brier: float
    ece: float
    kept: float
    cells: int
    asked: float
    kept_undoubted: float
    cells_undoubted: int
    asked_undoubted: float


def measure_left_out(
    table: OutcomeTable,
    splits: Sequence[Split],
    pairs: Sequence[str],
    *,
    answers: Sequence[int],
    seed: int,
    progress: Progress,
) -> list[LeftOut]:
    """Each of `pairs` added from so many answers in turn. Raises `OutcomesUnusable`."""
    readings = [read(prompt) for prompt in table.prompts]
    found: dict[tuple[str, str], Predicted] = {}
    for number, split in enumerate(splits, start=1):
        progress(f"split {number} of {len(splits)}: trains {1 + len(pairs)} models")
        drawn = _drawn(table, split, max(answers), seed)
        known = np.setdiff1d(split.train, drawn)
        asked = [readings[row] for row in split.test]
        whole = _trained(table, readings, known, table.pairs, seed)
        said = success_of(whole, asked)
        for pair in pairs:
            others = [other for other in table.pairs if other != pair]
            model = _trained(table, readings, known, others, seed)
            ways = _ways(model, table, drawn, pair, answers)
            trained = table.column(pair)
            _put(found, (pair, TRAINED), split.test, _column(said, trained), len(table))
            for way, predicted in _added(model, ways, asked).items():
                _put(found, (pair, way), split.test, predicted, len(table))
    return [
        _compared(table, pair, way, predicted, found.get((pair, way + UNDOUBTED), predicted))
        for (pair, way), predicted in found.items()
        if not way.endswith(UNDOUBTED)
    ]


def _drawn(table: OutcomeTable, split: Split, count: int, seed: int) -> Rows:
    """Prompts to learn from, in the order in which their answers are used."""
    if len(split.train) < 2 * count:
        raise OutcomesUnusable(
            f"{len(split.train)} prompts to learn from are too few to keep {count} of them for the "
            "answers of a new pair; at most half"
        )
    drawn: Rows = np.random.default_rng(seed).permutation(split.train)[:count]
    return drawn


def _trained(
    table: OutcomeTable, readings: Sequence[Reading], rows: Rows, pairs: Sequence[str], seed: int
) -> Artifact:
    known = table.rows(rows).only(pairs)
    return train(known, [readings[row] for row in rows], seed=seed, command="")


def _ways(
    model: Artifact, table: OutcomeTable, drawn: Rows, pair: str, answers: Sequence[int]
) -> dict[str, PairVector]:
    """From graded answers, and from the mean of the same answers per kind of prompt."""
    answered = drawn[~np.isnan(table.scores[drawn, table.column(pair)])]
    prompts = [table.prompts[row] for row in answered]
    every = graded_answers(model, prompts, table.scores[answered, table.column(pair)])
    kinds = np.array([table.kinds[row] for row in answered])
    ways: dict[str, PairVector] = {}
    for count in answers:
        first = Evidence(
            aspects=every.aspects[:count],
            scores=every.scores[:count],
            variances=every.variances[:count],
        )
        ways[f"{count} answers"] = infer_pair(model, first)
        ways[f"{count} answers, means per kind"] = infer_pair(
            model, _per_kind(first, kinds[:count])
        )
    return ways


def _per_kind(answers: Evidence, kinds: npt.NDArray[np.str_]) -> Evidence:
    groups = [np.flatnonzero(kinds == kind) for kind in np.unique(kinds)]
    counts = np.array([len(rows) for rows in groups])
    return Evidence(
        aspects=np.array([answers.aspects[rows].mean(axis=0) for rows in groups]),
        scores=np.array([answers.scores[rows].mean() for rows in groups]),
        variances=ANSWER_VARIANCE / counts + MISFIT_VARIANCE,
    )


def _added(
    model: Artifact, ways: Mapping[str, PairVector], asked: Sequence[Reading]
) -> dict[str, Predicted]:
    """All ways as pairs of one model, so that every prompt is read once."""
    first, grown = len(model.header.pairs), model
    for way, vector in ways.items():
        sure = replace(vector, covariance=np.zeros_like(vector.covariance))
        grown = with_pair(with_pair(grown, way, vector), way + UNDOUBTED, sure)
    said = success_of(grown, asked)
    names = enumerate(grown.header.pairs[first:], start=first)
    return {name: _column(said, at) for at, name in names}


def _column(said: Predicted, at: int) -> Predicted:
    return Predicted(means=said.means[:, at], lowers=said.lowers[:, at])


def _put(
    found: dict[tuple[str, str], Predicted],
    key: tuple[str, str],
    rows: Rows,
    said: Predicted,
    count: int,
) -> None:
    nothing = np.full(count, np.nan)
    into = found.setdefault(key, Predicted(means=nothing, lowers=nothing.copy()))
    into.means[rows] = said.means
    into.lowers[rows] = said.lowers


def _compared(
    table: OutcomeTable, pair: str, way: str, said: Predicted, undoubted: Predicted
) -> LeftOut:
    scores = table.scores[:, table.column(pair)]
    rows = np.flatnonzero(~np.isnan(scores) & ~np.isnan(said.means))
    scores, kinds = scores[rows], np.array(table.kinds)[rows]
    doubting = _floors(said.lowers[rows], scores, kinds)
    sure = _floors(undoubted.lowers[rows], scores, kinds)
    return LeftOut(
        pair=pair,
        way=way,
        brier=float(((said.means[rows] - scores) ** 2).mean()),
        ece=expected_calibration_error(said.means[rows], scores),
        kept=doubting.kept,
        cells=doubting.cells,
        asked=doubting.asked,
        kept_undoubted=sure.kept,
        cells_undoubted=sure.cells,
        asked_undoubted=sure.asked,
    )


class _Floors(NamedTuple):
    """The share of cells whose floor is kept, the cells, and the share of prompts asked."""

    kept: float
    cells: int
    asked: float


def _floors(lowers: Floats, scores: Floats, kinds: npt.NDArray[np.str_]) -> _Floors:
    kept: list[bool] = []
    for floor in FLOORS:
        for kind in np.unique(kinds):
            got = scores[(kinds == kind) & (lowers >= floor)]
            if len(got) >= LEAST_PROMPTS:
                kept.append(bool(got.mean() >= floor))
    asked = float(np.mean([lowers >= floor for floor in FLOORS]))
    return _Floors(float(np.mean(kept)) if kept else 1.0, len(kept), asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPairPlan:
    """Each of `pairs`, or every one in the files, is left out of training in turn."""

    files: tuple[Path, ...]
    pairs: tuple[str, ...]
    answers: tuple[int, ...]
    folds: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPairBench:
    """Every pair in every way of knowing it, then the mean of all pairs."""

    prompts: int
    folds: int
    floors: tuple[float, ...]
    found: tuple[LeftOut, ...]


def run(plan: NewPairPlan, progress: Callable[[str], None]) -> NewPairBench:
    """Raises `OSError` or `OutcomesUnusable`."""
    table = read_table(plan.files)
    pairs = plan.pairs or table.pairs
    for pair in pairs:
        table.column(pair)
    splits = folds(table.same_prompt, count=plan.folds, seed=plan.seed)
    found = measure_left_out(
        table, splits, pairs, answers=plan.answers, seed=plan.seed, progress=progress
    )
    ways = list(dict.fromkeys(one.way for one in found))
    means = [_mean([one for one in found if one.way == way]) for way in ways]
    return NewPairBench(
        prompts=len(table),
        folds=plan.folds,
        floors=tuple(FLOORS.tolist()),
        found=(*found, *(means if len(pairs) > 1 else ())),
    )


def _mean(found: Sequence[LeftOut]) -> LeftOut:
    """Of all pairs; cells count alike, whichever pair they are of."""
    cells = sum(one.cells for one in found)
    undoubted = sum(one.cells_undoubted for one in found)
    return LeftOut(
        pair=ALL,
        way=found[0].way,
        brier=float(np.mean([one.brier for one in found])),
        ece=float(np.mean([one.ece for one in found])),
        kept=sum(one.kept * one.cells for one in found) / max(1, cells),
        cells=cells,
        asked=float(np.mean([one.asked for one in found])),
        kept_undoubted=sum(one.kept_undoubted * one.cells_undoubted for one in found)
        / max(1, undoubted),
        cells_undoubted=undoubted,
        asked_undoubted=float(np.mean([one.asked_undoubted for one in found])),
    )


def report(result: NewPairBench) -> str:
    lines = [
        f"{result.prompts} unseen prompts in {result.folds} folds; floors "
        f"{result.floors[0]} to {result.floors[-1]}; in brackets: were what is said taken for sure",
        f"{'pair':30} {'known from':28} {'Brier':>6} {'ECE':>6} {'floors kept':>15} "
        f"{'prompts asked':>17}",
    ]
    lines += [
        f"{one.pair:30} {one.way:28} {one.brier:6.4f} {one.ece:6.3f} "
        f"{one.kept:7.1%} ({one.kept_undoubted:.1%}) {one.asked:8.1%} ({one.asked_undoubted:.1%})"
        for one in result.found
    ]
    return "\n".join(lines)
