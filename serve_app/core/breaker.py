"""A circuit breaker as a value: every transition returns the next breaker.

It opens on failures in a row, and on the share of failures in a sliding window. A pair with few
requests never fills a window. A pair that fails half of many requests has no long run.
Decision record 009 has the sources of the rules and their numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import Annotated, Literal

from annotated_types import Gt, Le

from serve_app.core.units import NonNegativeFloat, PositiveFloat, PositiveInt, Strict

State = Literal["closed", "open", "half_open", "slow_start"]
# The window moves on by this part of itself.
SLICES = 10
# A slow start begins with this share of the traffic.
FIRST_SHARE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerSettings(Strict):
    """When to stop trying a pair, for how long, and how it comes back.

    It opens after `failures_to_open` failures in a row, or when `failure_share` of at least
    `min_samples` attempts within `window_s` failed. Each failed probe doubles the cool-down.
    `half_open_probes` first tokens begin a slow start of `slow_start_s`, 0 for none.
    """

    failures_to_open: PositiveInt = 5
    failure_share: Annotated[float, Gt(0), Le(1)] = 0.5
    min_samples: PositiveInt = 20
    window_s: PositiveFloat = 10.0
    cool_down_s: PositiveFloat = 5.0
    max_cool_down_s: PositiveFloat = 60.0
    half_open_probes: PositiveInt = 3
    slow_start_s: NonNegativeFloat = 10.0

    def __post_init__(self) -> None:
        if self.max_cool_down_s < self.cool_down_s:
            raise ValueError(
                f"max_cool_down_s {self.max_cool_down_s:g} is below cool_down_s "
                f"{self.cool_down_s:g}: raise the first or lower the second"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Slice:
    """What ended in one slice of the window. `number` counts slices since second 0."""

    number: int
    successes: int
    failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """Closed lets attempts through, open none, half-open a few probes, a slow start a share.

    `since_s` is when the state began, or when the last probe did. `opened_s` is when it opened
    last: an attempt that began before does not decide. `probes` are under way, and `proofs` have
    given a first token. `failures` counts those in a row.
    """

    settings: BreakerSettings
    state: State = "closed"
    failures: int = 0
    window: tuple[_Slice, ...] = ()
    cool_down_s: float
    since_s: float = 0.0
    opened_s: float = -inf
    probes: int = 0
    proofs: int = 0

    @classmethod
    def closed(cls, settings: BreakerSettings) -> Breaker:
        return cls(settings=settings, cool_down_s=settings.cool_down_s)

    def allows(self, now_s: float) -> bool:
        """Whether an attempt may be made; probes that never report are given up in time."""
        if self.state in ("closed", "slow_start"):
            return True
        if self.state == "half_open" and self.probes + self.proofs < self.settings.half_open_probes:
            return True
        return now_s >= self.since_s + self.cool_down_s

    def share(self, now_s: float) -> float:
        """The share of the traffic that may come, from 0 to 1."""
        if self.state == "slow_start":
            return min(1.0, max(FIRST_SHARE, (now_s - self.since_s) / self.settings.slow_start_s))
        return float(self.allows(now_s))

    def counted(self, now_s: float) -> tuple[int, int]:
        """Attempts that ended within the window, and how many of them failed."""
        oldest = self._slice_at(now_s) - SLICES
        recent = [each for each in self.window if each.number > oldest]
        failures = sum(each.failures for each in recent)
        return failures + sum(each.successes for each in recent), failures

    def settled(self, now_s: float) -> Breaker:
        """The breaker as it is now: a slow start that is over has closed it."""
        if self.state != "slow_start" or now_s < self.since_s + self.settings.slow_start_s:
            return self
        cool_down_s = self.settings.cool_down_s
        return replace(self, state="closed", cool_down_s=cool_down_s, since_s=now_s)

    def probing(self, now_s: float) -> Breaker:
        """An attempt has begun."""
        if self.state in ("closed", "slow_start") or not self.allows(now_s):
            return self
        if now_s >= self.since_s + self.cool_down_s:
            # The first probe, or one after others that never reported.
            return replace(self, state="half_open", since_s=now_s, probes=1)
        return replace(self, since_s=now_s, probes=self.probes + 1)

    def released(self, now_s: float) -> Breaker:
        """A probe ended and showed nothing, so the next attempt may probe at once."""
        if self.state != "half_open" or not self.probes:
            return self
        return replace(self, probes=self.probes - 1)

    def succeeded(self, now_s: float, began_s: float = inf) -> Breaker:
        """A probe gave a first token, or an attempt at a closed breaker a whole answer.

        One that began before the breaker opened last proves nothing.
        """
        breaker = self.settled(now_s)
        if breaker.state == "open" or began_s <= breaker.opened_s:
            return self
        if breaker.state != "half_open":
            return breaker._with(now_s, successes=1, failures=0, run=0)
        proofs, probes = breaker.proofs + 1, max(0, breaker.probes - 1)
        if proofs < breaker.settings.half_open_probes:
            return replace(breaker, proofs=proofs, probes=probes)
        state: State = "slow_start" if breaker.settings.slow_start_s else "closed"
        fresh = Breaker.closed(breaker.settings)
        cool_down_s = breaker.cool_down_s if state == "slow_start" else fresh.cool_down_s
        return replace(
            fresh,
            state=state,
            cool_down_s=cool_down_s,
            since_s=now_s,
            opened_s=breaker.opened_s,
        )

    def failed(self, now_s: float, began_s: float = inf, *, may_open: bool = True) -> Breaker:
        """An attempt failed. One that began before the breaker opened last tells nothing new.

        Without `may_open` the failure is counted and shows nothing alone.
        """
        breaker = self.settled(now_s)
        if breaker.state == "open" or began_s <= breaker.opened_s:
            return self
        if breaker.state == "half_open":
            return breaker._opened(now_s) if may_open else breaker.released(now_s)
        counted = breaker._with(now_s, successes=0, failures=1, run=breaker.failures + 1)
        return counted._opened(now_s) if may_open and counted._is_over(now_s) else counted

    def merged(
        self, now_s: float, *, successes: int, failures: int, run: int, may_open: bool = True
    ) -> Breaker:
        """Takes what ended elsewhere, after which there are `run` failures in a row.

        Probes decide where they were made, so only a breaker that is closed takes these.
        """
        breaker = self.settled(now_s)
        if breaker.state in ("open", "half_open") or not successes + failures:
            return self
        counted = breaker._with(now_s, successes=successes, failures=failures, run=run)
        may_open = may_open and failures > 0
        return counted._opened(now_s) if may_open and counted._is_over(now_s) else counted

    def _is_over(self, now_s: float) -> bool:
        if self.failures >= self.settings.failures_to_open:
            return True
        attempts, failures = self.counted(now_s)
        enough = attempts >= self.settings.min_samples
        return enough and failures >= self.settings.failure_share * attempts

    def _opened(self, now_s: float) -> Breaker:
        cool_down_s = self.cool_down_s
        if self.state != "closed":
            cool_down_s = min(2 * cool_down_s, self.settings.max_cool_down_s)
        return replace(
            self,
            state="open",
            cool_down_s=cool_down_s,
            since_s=now_s,
            opened_s=now_s,
            probes=0,
            proofs=0,
        )

    def _with(self, now_s: float, *, successes: int, failures: int, run: int) -> Breaker:
        number = self._slice_at(now_s)
        window = tuple(each for each in self.window if number - SLICES < each.number)
        if window and window[-1].number == number:
            last, window = window[-1], window[:-1]
            successes, failures = successes + last.successes, failures + last.failures
        current = _Slice(number=number, successes=successes, failures=failures)
        return replace(self, failures=run, window=(*window, current))

    def _slice_at(self, now_s: float) -> int:
        return int(now_s * SLICES / self.settings.window_s)
