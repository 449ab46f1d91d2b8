"""A circuit breaker per pair, as a value: every transition returns the next breaker.

It counts failures in a row, not a ratio over a window: an engine breaks as a whole (a dead
replica, exhausted memory), and a pair that is rarely chosen never fills a window.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from serve_app.core.units import PositiveFloat, PositiveInt

State = Literal["closed", "open", "half_open"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerSettings:
    """When to stop trying a pair and for how long; each failed probe doubles the cool-down."""

    failures_to_open: PositiveInt = 5
    cool_down_s: PositiveFloat = 5.0
    max_cool_down_s: PositiveFloat = 60.0

    def __post_init__(self) -> None:
        if self.max_cool_down_s < self.cool_down_s:
            raise ValueError(
                f"max_cool_down_s {self.max_cool_down_s:g} is below cool_down_s "
                f"{self.cool_down_s:g}: raise the first or lower the second"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """Closed lets attempts through, open none until its cool-down ends, half-open one probe.

    `since_s` is when it opened or its probe began, or lies further back than its cool-down when
    the last probe showed nothing.
    """

    settings: BreakerSettings
    state: State
    failures: int
    cool_down_s: float
    since_s: float

    @classmethod
    def closed(cls, settings: BreakerSettings) -> Breaker:
        return cls(
            settings=settings,
            state="closed",
            failures=0,
            cool_down_s=settings.cool_down_s,
            since_s=0.0,
        )

    def allows(self, now_s: float) -> bool:
        """Whether an attempt may be made; a probe that never reports is given up in time."""
        return self.state == "closed" or now_s >= self.since_s + self.cool_down_s

    def probing(self, now_s: float) -> Breaker:
        """An attempt has begun."""
        if self.state == "closed" or not self.allows(now_s):
            return self
        return replace(self, state="half_open", since_s=now_s)

    def released(self, now_s: float) -> Breaker:
        """A probe ended and showed nothing, so the next attempt may probe at once."""
        if self.state != "half_open":
            return self
        return replace(self, since_s=now_s - 2 * self.cool_down_s)

    def succeeded(self, now_s: float) -> Breaker:
        """An attempt gave a first token. One begun before the breaker opened proves nothing."""
        if self.state == "open" or (self.state == "closed" and self.failures == 0):
            return self
        return Breaker.closed(self.settings)

    def failed(self, now_s: float) -> Breaker:
        """An attempt failed. One begun before the breaker opened tells nothing new."""
        if self.state == "open":
            return self
        if self.state == "half_open":
            doubled_s = min(2 * self.cool_down_s, self.settings.max_cool_down_s)
            return replace(self, state="open", cool_down_s=doubled_s, since_s=now_s)
        failures = self.failures + 1
        if failures < self.settings.failures_to_open:
            return replace(self, failures=failures)
        return replace(self, state="open", failures=failures, since_s=now_s)
