"""How well the success model knows a pair that was added to it, as table and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from profiles.learning.folds import folds
from profiles.learning.left_out import FLOORS, LeftOut, measure_left_out
from profiles.learning.read_table import read_table

ALL = "all pairs"


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
