"""How good predictions of single answers are: of each pair, and for keeping floors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from profiles.learning.calibration import expected_calibration_error
from profiles.learning.floors import choose_for_floor, floor_compliance
from profiles.learning.predict import Predicted
from profiles.learning.prices import Costs, cost_of_answers
from serve_app.bench.own_answers import OwnAnswers
from serve_app.core.cost import TokenPrice

Floats = npt.NDArray[np.float64]

# One answer held for impossible that came true would outweigh all others.
LEAST_CHANCE = 0.01
RIGHT = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class PairFigures:
    """`auc`: how often an answer that was right was held likelier than one that was wrong."""

    brier: float
    log_loss: float
    ece: float
    auc: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """Of all questions the share for which some pair's bound reaches the floor, and the accuracy
    of the answers these got."""

    floor: float
    share: float
    accuracy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WayFigures:
    """Means over repetitions.

    `brier_gain` is how far the mean Brier score lies below the baseline's, with its standard error
    over questions. `floors_kept` of `floors_reachable` are cells of a floor and a task.
    """

    pairs: Mapping[str, PairFigures]
    brier_gain: float
    brier_gain_error: float
    floors_kept: float
    floors_reachable: float
    promises: tuple[Promise, ...]


def figures(
    own: OwnAnswers,
    said: Sequence[Predicted],
    baseline: Sequence[Predicted],
    floors: Sequence[float],
) -> WayFigures:
    """`said` and `baseline` have one prediction of all questions per repetition."""
    scores, kinds = own.table.scores, own.table.kinds
    costs = _costs(own)
    gains = np.mean(
        [
            ((other.means - scores) ** 2 - (one.means - scores) ** 2).mean(axis=1)
            for one, other in zip(said, baseline, strict=True)
        ],
        axis=0,
    )
    kept = [floor_compliance(one, scores, costs, kinds, floors) for one in said]
    return WayFigures(
        pairs={
            pair: _mean_figures([_pair(one.means[:, at], scores[:, at]) for one in said])
            for at, pair in enumerate(own.table.pairs)
        },
        brier_gain=float(gains.mean()),
        brier_gain_error=float(gains.std(ddof=1) / np.sqrt(len(gains))),
        floors_kept=float(np.mean([one.kept for one in kept])),
        floors_reachable=float(np.mean([one.reachable for one in kept])),
        promises=tuple(_promise(said, scores, costs, floor) for floor in floors),
    )


def _pair(means: Floats, scores: Floats) -> PairFigures:
    chance = means.clip(LEAST_CHANCE, 1 - LEAST_CHANCE)
    return PairFigures(
        brier=float(((means - scores) ** 2).mean()),
        log_loss=float(-(scores * np.log(chance) + (1 - scores) * np.log(1 - chance)).mean()),
        ece=expected_calibration_error(means, scores),
        auc=float(roc_auc_score(scores > RIGHT, means)),
    )


def _mean_figures(each: Sequence[PairFigures]) -> PairFigures:
    return PairFigures(
        brier=float(np.mean([one.brier for one in each])),
        log_loss=float(np.mean([one.log_loss for one in each])),
        ece=float(np.mean([one.ece for one in each])),
        auc=float(np.mean([one.auc for one in each])),
    )


def _promise(said: Sequence[Predicted], scores: Floats, costs: Costs, floor: float) -> Promise:
    promised = [(one.lowers >= floor).any(axis=1) for one in said]
    got = [
        scores[np.arange(len(scores)), choose_for_floor(one, costs.expected, floor)][held]
        for one, held in zip(said, promised, strict=True)
    ]
    answers = np.concatenate(got)
    return Promise(
        floor=floor,
        share=float(np.mean(promised)),
        accuracy=float(answers.mean()) if len(answers) else 0.0,
    )


def _costs(own: OwnAnswers) -> Costs:
    prices = [TokenPrice.of(profile).usd_per_mtok_out for profile in own.profiles]
    return cost_of_answers(own.table, np.array(prices))
