"""An allowance in USD per hour, as a token bucket."""

from __future__ import annotations

from serve_app.core.ports import Clock

SECONDS_PER_HOUR = 3600.0
# What was not spent is saved up for this share of an hour, so that no pause ends in a rush.
SAVED_HOURS = 0.1


class Allowance:
    """Fills steadily; begins full. In no hour is more spent than the rate and what was saved."""

    def __init__(self, usd_per_hour: float, clock: Clock) -> None:
        self._rate = usd_per_hour / SECONDS_PER_HOUR
        self._most = usd_per_hour * SAVED_HOURS
        self._clock = clock
        self._left = self._most
        self._at_s = clock.now()

    def take(self, usd: float) -> bool:
        """Takes `usd`, or nothing when there is not enough."""
        self._fill()
        if usd > self._left:
            return False
        self._left -= usd
        return True

    def correct(self, predicted_usd: float, actual_usd: float) -> None:
        """Settles what was taken by prediction; what cost more is owed before anything is taken."""
        self._left = min(self._most, self._left + predicted_usd - actual_usd)

    def _fill(self) -> None:
        now_s = self._clock.now()
        self._left = min(self._most, self._left + (now_s - self._at_s) * self._rate)
        self._at_s = now_s
