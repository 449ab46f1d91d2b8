"""How well a router chooses between a weak and a strong model: APGR and CPT."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from profiles.learning.outcome_table import OutcomesUnusable

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoModels:
    """Performance gap recovered against the share of prompts that go to the strong model.

    `apgr` is the area under that curve: 0.5 is chance. `cpt50` and `cpt80` are the shares of
    strong calls, in percent, that recover 50 and 80 percent of the gap. `curve` has the gap
    recovered at 0, 5, ... 100 percent of strong calls.
    """

    apgr: float
    cpt50: float
    cpt80: float
    curve: tuple[float, ...]


def two_models(gain: Floats, weak: Floats, strong: Floats) -> TwoModels:
    """Sends prompts to the strong model in falling order of `gain`, ties in the mean of all orders.

    Raises `OutcomesUnusable` where the strong model is no better than the weak one.
    """
    require_gap(weak, strong)
    difference = strong - weak
    order = np.argsort(-gain, kind="stable")
    _, group = np.unique(-gain[order], return_inverse=True)
    tied = np.bincount(group, weights=difference[order]) / np.bincount(group)
    recovered = np.concatenate(([0.0], np.cumsum(tied[group]))) / difference.sum()
    share = np.linspace(0.0, 1.0, len(recovered))
    return TwoModels(
        apgr=float(np.trapezoid(recovered, share)),
        cpt50=_share_that_recovers(recovered, share, 0.5),
        cpt80=_share_that_recovers(recovered, share, 0.8),
        curve=tuple(np.interp(np.linspace(0, 1, 21), share, recovered).round(4).tolist()),
    )


def require_gap(weak: Floats, strong: Floats) -> None:
    """Raises `OutcomesUnusable` where the strong model is no better than the weak one."""
    if (strong - weak).sum() <= 0:
        raise OutcomesUnusable(
            f"the strong model is right in {strong.mean():.1%} of the prompts to measure on and "
            f"the weak one in {weak.mean():.1%}: there is no gap to recover; name others with "
            f"--weak and --strong"
        )


def _share_that_recovers(recovered: Floats, share: Floats, part: float) -> float:
    return float(100 * share[np.argmax(recovered >= part - 1e-9)])
