"""How sure a floor should be kept: floors kept, and cost, against the certainty of training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import GroupShuffleSplit

from profiles.router_eval.floors import FloorCompliance, floor_compliance
from profiles.router_eval.out_of_fold import Predicted, Progress
from profiles.router_eval.prices import Costs
from profiles.training.floor_thresholds import fit_bounds, lower_bounds
from profiles.tuning.case import Case
from profiles.tuning.out_of_fold import OutOfFold

CERTAINTIES = (-1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0)
SPLITS = 20
FITTED_SHARE = 0.6
KEPT = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class CertaintyPoint:
    """Over all splits: of `reachable` cells, that some single pair keeps, those `kept`.

    `worst` is the least share in one split, `complying` the share of splits in which enough are
    kept; `usd` is per prompt, over all floors.
    """

    certainty: float
    kept: int
    reachable: int
    worst: float
    complying: float
    usd: float

    @property
    def share(self) -> float:
        return self.kept / self.reachable if self.reachable else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CertaintyCurve:
    """`least` is the least certainty at which enough cells are kept, `None` where none is."""

    floors: tuple[float, ...]
    splits: int
    points: tuple[CertaintyPoint, ...]

    @property
    def least(self) -> float | None:
        enough = (point.certainty for point in self.points if point.share >= KEPT)
        return min(enough, default=None) if any(p.reachable for p in self.points) else None


def certainty_curve(
    case: Case, said: OutOfFold, *, floors: tuple[float, ...], seed: int, progress: Progress
) -> CertaintyCurve:
    """Bounds are fitted to a random part of the prompts and floors kept on the rest.

    All predictions are by models that had not seen the prompt, as in training itself.
    """
    found: dict[float, list[FloorCompliance]] = {certainty: [] for certainty in CERTAINTIES}
    names, likely = np.unique(said.likely_kinds, return_inverse=True)
    prompts = case.answers.same_prompt
    splits = GroupShuffleSplit(SPLITS, train_size=FITTED_SHARE, random_state=seed)
    for number, (train, test) in enumerate(splits.split(prompts, groups=prompts), start=1):
        progress(f"split {number} of {SPLITS}: keeps floors with each certainty")
        asked, kinds = case.answers.rows(test), [case.table.kinds[row] for row in test]
        costs = Costs(expected=asked.expected_usd, actual=asked.cost_usd)
        for certainty, results in found.items():
            bounds = fit_bounds(
                said.means[train],
                case.table.scores[train],
                likely[train],
                kind_count=len(names),
                certainty=certainty,
            )
            lowers = lower_bounds(said.means[test], likely[test], *bounds)
            predicted = Predicted(means=said.means[test], lowers=lowers)
            results.append(floor_compliance(predicted, asked.scores, costs, kinds, floors))
    points = tuple(
        CertaintyPoint(
            certainty=certainty,
            kept=sum(result.kept for result in results),
            reachable=sum(result.reachable for result in results),
            worst=min(result.share for result in results),
            complying=float(np.mean([result.share >= KEPT for result in results])),
            usd=float(np.mean([result.cost for result in results])),
        )
        for certainty, results in found.items()
    )
    return CertaintyCurve(floors=floors, splits=SPLITS, points=points)
