"""The operator's taste: how much accuracy, latency and cost weigh against each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

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
    to FP8 activations. Raises `ValueError` when a preset has no weights.
    """

    weights: Mapping[Preset, Weights]
    reference_pair: str
    numeric_guard_share: Ratio = 0.30

    def __post_init__(self) -> None:
        missing = [preset for preset in get_args(Preset) if preset not in self.weights]
        if missing:
            raise ValueError(
                f"weights has {sorted(self.weights)} but no {missing}: "
                f"give accuracy, latency and cost weights for every preset"
            )
