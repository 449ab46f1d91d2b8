"""An allowance in USD per hour, as a token bucket."""

from __future__ import annotations

from collections.abc import Callable

from serve_app.core.ports import Clock

SECONDS_PER_HOUR = 3600.0
# What was not spent is saved up for this share of an hour, so that no pause ends in a rush.
SAVED_HOURS = 0.1


class Allowance:
    """Fills steadily; begins empty. In no hour is more spent than the rate and what was saved.

    `sharers` is how many spend the same allowance by now, each its part.
    """

    def __init__(self, usd_per_hour: float, clock: Clock, sharers: Callable[[], int]) -> None:
        self._usd_per_hour = usd_per_hour
        self._clock = clock
        self._sharers = sharers
        self._left = 0.0
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
        self._left += predicted_usd - actual_usd

    def _fill(self) -> None:
        now_s = self._clock.now()
        usd_per_hour = self._usd_per_hour / self._sharers()
        filled = self._left + (now_s - self._at_s) / SECONDS_PER_HOUR * usd_per_hour
        self._left = min(usd_per_hour * SAVED_HOURS, filled)
        self._at_s = now_s
