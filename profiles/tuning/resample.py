"""How far a figure may be off: its 95 % interval, by drawing prompts again and again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from profiles.training.arrays import Floats, Ints, Singles, singles

DRAWS = 1000
TAILS = (2.5, 97.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    lower: float
    upper: float


class Resamples:
    """The same draws for every figure, so that figures of the same prompts stay paired.

    Repeats of a prompt (equal numbers in `same_prompt`) are drawn together.
    """

    def __init__(self, same_prompt: Ints, *, seed: int) -> None:
        _, group = np.unique(same_prompt, return_inverse=True)
        groups = int(group.max()) + 1
        random = np.random.default_rng(seed)
        drawn = random.multinomial(groups, np.full(groups, 1 / groups), size=DRAWS)
        self._often = singles(drawn)
        self._group = group
        self._sizes = self._often @ self._summed(np.ones(len(group)))

    def of_mean(self, values: Floats) -> Interval:
        return _interval(self._often @ self._summed(values) / self._sizes)

    def of_ratio(self, values: Floats, base: Floats) -> Interval:
        """Of the sum of `values` over the sum of `base`."""
        whole = self._often @ self._summed(base)
        return _interval(self._often @ self._summed(values) / np.where(whole > 0, whole, np.nan))

    def _summed(self, values: Floats) -> Singles:
        return singles(np.bincount(self._group, weights=values))


def _interval(found: npt.NDArray[np.floating]) -> Interval:
    lower, upper = np.nanpercentile(found, TAILS)
    return Interval(lower=float(lower), upper=float(upper))
