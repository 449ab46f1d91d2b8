"""How sure a floor should be kept: floors kept, and cost, against the certainty of training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import GroupShuffleSplit

from profiles.router_eval.floors import FloorCompliance, floor_compliance
from profiles.router_eval.out_of_fold import Predicted
from profiles.router_eval.prices import Costs
from profiles.training.floor_thresholds import fit_bounds, lower_bounds
from profiles.training.folds import Split
from profiles.tuning.case import Case
from profiles.tuning.out_of_fold import OutOfFold, Progress

Floats = npt.NDArray[np.float64]

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
    case: Case,
    said: OutOfFold,
    *,
    floors: tuple[float, ...],
    seed: int,
    progress: Progress,
) -> CertaintyCurve:
    """Bounds are fitted to a random part of the prompts and floors kept on the rest.

    All predictions are by models that had not seen the prompt, as in training itself.
    """
    found: dict[float, list[FloorCompliance]] = {certainty: [] for certainty in CERTAINTIES}
    prompts = case.answers.same_prompt
    splits = GroupShuffleSplit(SPLITS, train_size=FITTED_SHARE, random_state=seed)
    for number, (train, test) in enumerate(splits.split(prompts, groups=prompts), start=1):
        progress(f"split {number} of {SPLITS}: keeps floors with each certainty")
        split = Split(train=train, test=test)
        for certainty, results in found.items():
            results.append(_kept(case, said, split, floors, certainty))
    points = tuple(_point(certainty, results) for certainty, results in found.items())
    return CertaintyCurve(floors=floors, splits=SPLITS, points=points)


def _point(certainty: float, results: Sequence[FloorCompliance]) -> CertaintyPoint:
    return CertaintyPoint(
        certainty=certainty,
        kept=sum(result.kept for result in results),
        reachable=sum(result.reachable for result in results),
        worst=min(result.share for result in results),
        complying=float(np.mean([result.share >= KEPT for result in results])),
        usd=float(np.mean([result.cost for result in results])),
    )


def _kept(
    case: Case, said: OutOfFold, split: Split, floors: tuple[float, ...], certainty: float
) -> FloorCompliance:
    names = sorted(set(said.likely_kinds))
    likely = np.array([names.index(kind) for kind in said.likely_kinds], np.int64)
    bounds = fit_bounds(
        said.means[split.train],
        case.table.scores[split.train],
        likely[split.train],
        kind_count=len(names),
        certainty=certainty,
    )
    means, asked = said.means[split.test], case.answers.rows(split.test)
    return floor_compliance(
        Predicted(means=means, lowers=lower_bounds(means, likely[split.test], *bounds)),
        asked.scores,
        Costs(expected=asked.expected_usd, actual=asked.cost_usd),
        [case.table.kinds[row] for row in split.test],
        floors,
    )
