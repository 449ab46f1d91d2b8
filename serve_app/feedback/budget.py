"""A budget in USD per hour, as a token bucket."""

from __future__ import annotations

from collections.abc import Callable

from serve_app.core.cost import SECONDS_PER_HOUR
from serve_app.core.ports import Clock

# The share of an hour's budget that may be saved up, so that a pause does not end in a burst.
SAVED_HOURS = 0.1


class HourlyBudget:
    """Fills steadily from zero. `sharers` is how many replicas share it now, in equal parts."""

    def __init__(self, usd_per_hour: float, clock: Clock, sharers: Callable[[], int]) -> None:
        self._usd_per_hour = usd_per_hour
        self._clock = clock
        self._sharers = sharers
        self._left_usd = 0.0
        self._at_s = clock.now()

    def take(self, usd: float) -> bool:
        """Takes `usd`, or nothing if less is left."""
        now_s, usd_per_hour = self._clock.now(), self._usd_per_hour / self._sharers()
        filled_usd = self._left_usd + (now_s - self._at_s) / SECONDS_PER_HOUR * usd_per_hour
        self._left_usd = min(usd_per_hour * SAVED_HOURS, filled_usd)
        self._at_s = now_s
        if usd > self._left_usd:
            return False
        self._left_usd -= usd
        return True

    def correct(self, predicted_usd: float, actual_usd: float) -> None:
        """Replaces a predicted cost by the actual one. A debt is paid before the next `take`."""
        self._left_usd += predicted_usd - actual_usd
