"""How good the choice of a pair is on unseen prompts, against simpler routers, with its curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from profiles.router_eval.metrics import (
    FLOORS_KEPT,
    Quality,
    cheapest_that_complies,
    measure,
    require_gap,
    weak_and_strong,
)
from profiles.router_eval.out_of_fold import SUCCESS_MODEL, Predicted, predict_out_of_fold
from profiles.router_eval.prices import cost_of_answers, price_of_each, read_prices
from profiles.training.folds import Split, folds, without_known_prompts
from profiles.training.load_outcomes import read_table
from profiles.training.outcomes import OutcomesUnusable, OutcomeTable, counted, joined

LEAST_SCORES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityPlan:
    """What to measure. Without `test`, the prompts of `train` in `folds` folds.

    `embedder` is a checkpoint for the nearest neighbours, which are left out without one.
    """

    train: tuple[Path, ...]
    test: tuple[Path, ...] = ()
    folds: int
    weak: str | None = None
    strong: str | None = None
    floors: tuple[float, ...] = (0.3, 0.5, 0.7, 0.9)
    prices: Path | None
    embedder: Path | None
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityBench:
    weak: str
    strong: str
    prompts: int
    method: str
    notes: tuple[str, ...]
    routers: Mapping[str, Quality]


def run(plan: QualityPlan, progress: Callable[[str], None]) -> QualityBench:
    """Raises `OSError` or `OutcomesUnusable`."""
    table, splits, notes = _prompts(plan)
    prices = {**read_prices(), **(read_prices(plan.prices) if plan.prices else {})}
    costs = cost_of_answers(table, price_of_each(table.pairs, prices))
    weak, strong = weak_and_strong(table, costs, weak=plan.weak, strong=plan.strong)
    asked = np.sort(np.concatenate([split.test for split in splits]))
    scores = table.filled[asked]
    require_gap(scores[:, table.column(weak)], scores[:, table.column(strong)])
    predicted = predict_out_of_fold(
        table, costs, splits, seed=plan.seed, embedder=plan.embedder, progress=progress
    )
    routers = {
        name: measure(
            table.rows(asked),
            Predicted(means=said.means[asked], lowers=said.lowers[asked]),
            costs.rows(asked),
            weak=weak,
            strong=strong,
            floors=plan.floors,
        )
        for name, said in predicted.items()
    }
    return QualityBench(
        weak=weak,
        strong=strong,
        prompts=len(asked),
        method="trained and tested on separate files" if plan.test else f"{plan.folds}-fold",
        notes=(*table.notes, *notes),
        routers=routers,
    )


def _prompts(plan: QualityPlan) -> tuple[OutcomeTable, Sequence[Split], tuple[str, ...]]:
    known, notes = _learnable(read_table(plan.train))
    if not plan.test:
        splits = folds(known.same_prompt, count=plan.folds, seed=plan.seed)
        repeated = len(known) - int(known.same_prompt.max()) - 1
        said = counted((repeated, "repeated prompts, each kept within one fold"))
        return known, splits, (*notes, *said)
    known, test, alone = _of_the_same_pairs(known, read_table(plan.test))
    asked, dropped = without_known_prompts(known, test)
    both = joined([known, asked])
    learned, measured = np.split(np.arange(len(both)), [len(known)])
    said = counted((dropped, "prompts left out of the test: they are trained on"))
    return both, [Split(train=learned, test=measured)], (*notes, *alone, *said)


def _learnable(table: OutcomeTable) -> tuple[OutcomeTable, tuple[str, ...]]:
    """The pairs with scores enough to be in every fold, and which have not."""
    counts = (~np.isnan(table.scores)).sum(axis=0)
    rare = [pair for pair, count in zip(table.pairs, counts, strict=True) if count < LEAST_SCORES]
    if not rare:
        return table, ()
    common = [pair for pair in table.pairs if pair not in rare]
    if not common:
        raise OutcomesUnusable(
            f"no pair has {LEAST_SCORES} scores; the most are {counts.max()}, of "
            f"{table.pairs[int(counts.argmax())]!r}"
        )
    note = f"left out, with fewer than {LEAST_SCORES} scores to learn from: {', '.join(rare)}"
    return table.asked_of(common), (note,)


def _of_the_same_pairs(
    known: OutcomeTable, asked: OutcomeTable
) -> tuple[OutcomeTable, OutcomeTable, tuple[str, ...]]:
    """Both with the pairs that both have, in the order of `known`, and which were left out."""
    shared = [pair for pair in known.pairs if pair in asked.pairs]
    if not shared:
        raise OutcomesUnusable(
            f"the files to learn from have outcomes of {', '.join(known.pairs)}, those to measure "
            f"on of {', '.join(asked.pairs)}: they have no pair in common"
        )
    alone = [pair for pair in (*known.pairs, *asked.pairs) if pair not in shared]
    notes = (f"left out, as only one side has outcomes of them: {', '.join(alone)}",)
    return known.asked_of(shared), asked.asked_of(shared), notes if alone else ()


def as_document(result: QualityBench) -> dict[str, Any]:
    """The success model's figures at the top, every other router's under `baselines`."""
    return {
        "weak": result.weak,
        "strong": result.strong,
        "prompts": result.prompts,
        "method": result.method,
        "notes": list(result.notes),
        **_figures(result.routers[SUCCESS_MODEL]),
        "cheapest_that_complies": cheapest_that_complies(result.routers),
        "baselines": {
            name: _figures(quality)
            for name, quality in result.routers.items()
            if name != SUCCESS_MODEL
        },
    }


def _figures(quality: Quality) -> dict[str, Any]:
    floors = quality.floors
    return {
        **asdict(quality.two),
        "ece": quality.ece,
        "ece_per_pair": dict(quality.ece_per_pair),
        "reliability": [asdict(bin_) for bin_ in quality.reliability],
        "floor_compliance": floors.share,
        "floor_cost_usd": floors.cost,
        "floors_kept": floors.kept,
        "floors_reachable": floors.reachable,
        "floor_cells": [
            {**asdict(cell), "reachable": cell.reachable, "kept": cell.kept}
            for cell in floors.cells
        ],
        **asdict(quality.many),
    }


def draw(result: QualityBench, path: Path) -> None:
    """Gap recovered, cost against accuracy, and reliability, one line per router.

    Raises `OSError`.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 4.5), layout="constrained")
    gap, cost, calibration = figure.subplots(1, 3)
    for name, quality in result.routers.items():
        share = np.linspace(0, 100, len(quality.two.gap_recovered))
        gap.plot(share, quality.two.gap_recovered, label=name)
        points = quality.many.cost_accuracy
        cost.plot([1e3 * p.cost for p in points], [p.accuracy for p in points], label=name)
        bins = quality.reliability
        calibration.plot([b.predicted for b in bins], [b.got for b in bins], marker=".", label=name)
    calibration.plot((0, 1), (0, 1), color="grey", linestyle=":")
    gap.set(xlabel="prompts to the strong model, %", ylabel="performance gap recovered")
    cost.set(xlabel="US dollars per 1,000 prompts", ylabel="answered right", xscale="log")
    calibration.set(xlabel="predicted success", ylabel="answered right")
    gap.legend(fontsize="small")
    figure.suptitle(f"{result.weak} or {result.strong}, {result.prompts} unseen prompts")
    figure.savefig(path, dpi=110)


def report(result: QualityBench) -> str:
    lines = [
        f"{result.prompts} unseen prompts, {result.method}; weak {result.weak}, "
        f"strong {result.strong}",
        *result.notes,
        f"{'router':32} {'APGR':>6} {'CPT50':>6} {'CPT80':>6} {'ECE':>6} {'floors kept':>12} "
        f"{'$/1k':>8} {'area':>6} {'regret':>7}",
    ]
    for name, quality in result.routers.items():
        two, many, floors = quality.two, quality.many, quality.floors
        kept = f"{floors.kept} of {floors.reachable}"
        lines.append(
            f"{name:32} {two.apgr:6.3f} {two.cpt50:6.1f} {two.cpt80:6.1f} {quality.ece:6.3f} "
            f"{kept:>12} {1e3 * floors.cost:8.4f} {many.cost_accuracy_area:6.3f} {many.regret:7.3f}"
        )
    cheapest = cheapest_that_complies(result.routers) or "none does"
    lines.append(f"cheapest router that keeps {FLOORS_KEPT:.0%} of the floors: {cheapest}")
    return "\n".join(lines)
