"""Whether a router keeps accuracy floors, and at what cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from profiles.router_eval.out_of_fold import Predicted
from profiles.router_eval.prices import Costs
from profiles.training.arrays import Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorCell:
    """The answers to one kind of prompt under one floor; `best_pair` is the best single pair's."""

    floor: float
    kind: str
    prompts: int
    accuracy: float
    cost: float
    best_pair: float

    @property
    def kept(self) -> bool:
        return self.accuracy >= self.floor

    @property
    def reachable(self) -> bool:
        """Whether some single pair keeps the floor on these prompts."""
        return self.best_pair >= self.floor


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorCompliance:
    """`share` of the reachable cells in which the floor is kept; `cost` is per prompt, of all."""

    share: float
    kept: int
    reachable: int
    cost: float
    cells: tuple[FloorCell, ...]


def floor_compliance(
    predicted: Predicted,
    scores: Floats,
    costs: Costs,
    kinds: Sequence[str],
    floors: Sequence[float],
) -> FloorCompliance:
    """Each prompt goes to the cheapest pair whose lower bound reaches the floor, or to the best."""
    of_kind = np.array(kinds)
    cells: list[FloorCell] = []
    for floor in floors:
        chosen = choose_for_floor(predicted, costs.expected, floor)
        for kind in sorted(set(kinds)):
            rows = np.flatnonzero(of_kind == kind)
            cells.append(
                FloorCell(
                    floor=floor,
                    kind=kind,
                    prompts=len(rows),
                    accuracy=float(scores[rows, chosen[rows]].mean()),
                    cost=float(costs.actual[rows, chosen[rows]].mean()),
                    best_pair=float(scores[rows].mean(axis=0).max()),
                )
            )
    reachable = [cell for cell in cells if cell.reachable]
    kept = sum(cell.kept for cell in reachable)
    prompts = sum(cell.prompts for cell in cells)
    return FloorCompliance(
        share=kept / len(reachable) if reachable else 1.0,
        kept=kept,
        reachable=len(reachable),
        cost=sum(cell.cost * cell.prompts for cell in cells) / prompts,
        cells=tuple(cells),
    )


def choose_for_floor(predicted: Predicted, expected_costs: Floats, floor: float) -> Ints:
    enough = predicted.lowers >= floor
    cheapest = np.where(enough, expected_costs, np.inf).argmin(axis=1)
    best = predicted.means.argmax(axis=1)
    return np.asarray(np.where(enough.any(axis=1), cheapest, best), np.int64)
