"""What each preset wants of a curve, and so which point on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from profiles.tuning.answers import Saved
from serve_app.core.request import Preset

Floats = npt.NDArray[np.float64]

# Sums of the same numbers in another order.
ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """Mean accuracy and mean of what is saved, of each point on a curve and of the reference pair.

    `lose` is the accuracy that may be lost against that pair.
    """

    accuracy: Floats
    spent: Floats
    reference_accuracy: float
    reference_spent: float
    lose: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What accuracy is weighed against, from which ratio of their weights on, and where to stop.

    `saves` says whether saving is wanted for its own sake, `bounds_loss` whether only so much
    accuracy may be lost.
    """

    saved: Saved
    words: str
    pick: Callable[[Means], int]
    saves: bool = True
    least_ratio: float = 0.0
    bounds_loss: bool = False


def least_spent(means: Means) -> int:
    """Where no point keeps enough accuracy: the one that keeps most."""
    enough = means.accuracy >= means.reference_accuracy - means.lose - ROUNDING
    if not enough.any():
        return most_accurate(means)
    return _least(np.where(enough, means.spent, np.inf), -means.accuracy)


def knee(means: Means) -> int:
    """Beyond it, a share of the way to the best answers takes more than that share of the cost.

    It is the point farthest above the straight line from the cheapest answers to the best
    accuracy at the reference pair's cost: what sending prompts to either by lot would get.
    """
    first, best = _least(means.spent, -means.accuracy), most_accurate(means)
    gain = max(means.accuracy[best], means.reference_accuracy) - means.accuracy[first]
    price = max(means.spent[best], means.reference_spent) - means.spent[first]
    if gain <= 0 or price <= 0:
        return best
    above = (means.accuracy - means.accuracy[first]) / gain
    above -= (means.spent - means.spent[first]) / price
    return _least(-above, means.spent)


def most_accurate(means: Means) -> int:
    return _least(-means.accuracy, means.spent)


def rules(lose: float) -> Mapping[Preset, Rule]:
    """For every preset, with the accuracy that may be lost against the reference pair."""
    within = f"with at most {100 * lose:g} points of accuracy lost against the reference pair"
    return {
        "batch": Rule(
            saved="cost", words=f"least cost {within}", pick=least_spent, bounds_loss=True
        ),
        "balanced": Rule(
            saved="cost",
            words="the knee: most above what mixing cheapest and best by lot would get",
            pick=knee,
        ),
        "quality": Rule(
            saved="cost",
            words="most accuracy, which weighs at least as much as cost",
            pick=most_accurate,
            saves=False,
            least_ratio=1.0,
        ),
        "chat": Rule(
            saved="latency", words=f"least latency {within}", pick=least_spent, bounds_loss=True
        ),
    }


def _least(values: Floats, then: Floats) -> int:
    """The place of the least value; among equal ones, of the least in `then`."""
    best = np.flatnonzero(values <= values.min() + ROUNDING * max(1.0, abs(float(values.min()))))
    return int(best[then[best].argmin()])
