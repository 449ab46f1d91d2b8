"""How far a figure may be off before it counts as moved."""

from __future__ import annotations

from dataclasses import dataclass

from serve_app.core.units import PositiveFloat


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerances:
    """Shares of the earlier figure.

    `latency_unsure` is for medians of which either profile does not say how sure it is. A pair
    that answers slower by more than `demote` may not serve until somebody has looked.
    """

    latency: PositiveFloat = 0.10
    latency_unsure: PositiveFloat = 0.20
    throughput: PositiveFloat = 0.10
    cold_start: PositiveFloat = 0.25
    memory: PositiveFloat = 0.10
    demote: PositiveFloat = 0.25
