"""What changed: one figure, all of a pair, and how far a figure may be off before it counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from serve_app.core.units import PositiveFloat

Direction = Literal["better", "worse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One figure that moved. `demotes` when it is so much worse that the pair may not serve."""

    quantity: str
    place: str
    before: float
    after: float
    unit: str
    direction: Direction
    demotes: bool = False

    @property
    def relative(self) -> float:
        """As a share of the earlier figure; 0 where that was 0."""
        return (self.after - self.before) / self.before if self.before else 0.0

    def __str__(self) -> str:
        figures = f"{self.before:.4g} -> {self.after:.4g} {self.unit}".rstrip()
        words = (self.quantity, f"{self.relative:+.0%}", self.place, f"({figures})")
        return " ".join(word for word in words if word)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairDrift:
    """What moved of one pair; `notes` say what could not be compared, and what else is other."""

    pair: str
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def demoting(self) -> tuple[Change, ...]:
        """The worst first."""
        changes = (change for change in self.changes if change.demotes)
        return tuple(sorted(changes, key=lambda change: abs(change.relative), reverse=True))


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
