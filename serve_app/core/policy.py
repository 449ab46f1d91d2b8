"""The operator's taste: how much accuracy, latency and cost weigh against each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, get_args

from annotated_types import Ge

from serve_app.core.request import Preset
from serve_app.core.units import Ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What one term of the utility is worth against the others."""

    accuracy: Ratio
    latency: Ratio
    cost: Ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What decides between pairs that all meet a request's constraints.

    `reference_pair` is what a request would cost without routing; candidates' costs are
    shares of its cost. Prompts with more than `numeric_guard_share` numeric tokens never go
    to FP8 activations. `published_margin` multiplies the latencies of profiles that were not
    measured on this hardware. A pair whose golden set failed is not chosen, unless `golden_gate`
    is off. Raises `ValueError` when a preset has no weights, or the margin
    would make a published profile faster than it says.
    """

    weights: Mapping[Preset, Weights]
    reference_pair: str
    numeric_guard_share: Ratio = 0.30
    published_margin: Annotated[float, Ge(1)] = 1.25
    golden_gate: bool = True

    def __post_init__(self) -> None:
        missing = [preset for preset in get_args(Preset) if preset not in self.weights]
        if missing:
            raise ValueError(
                f"weights has {sorted(self.weights)} but no {missing}: "
                f"give accuracy, latency and cost weights for every preset"
            )
        # Written so that NaN is refused too.
        if not self.published_margin >= 1.0:
            raise ValueError(
                f"published_margin is {self.published_margin!r}; it should be 1 or more, as what "
                f"others measured is not to be bettered here"
            )
