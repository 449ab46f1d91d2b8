"""How many attempts beyond each request's first one may be made.

Retries help while few requests fail. When many fail they multiply the load of a fleet that has
no room. The rule is that of Finagle's `RetryBudget`: a share of the recent requests, and a floor
so that a quiet router can retry too.
"""

from __future__ import annotations

from collections import deque

from serve_app.core.ports import Clock
from serve_app.settings import RetryBudgetSettings

SLICES = 10


class RetryBudget:
    """Counts the requests and the retries of this ingress replica."""

    def __init__(self, settings: RetryBudgetSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        # By slice of the window: its number, requests, retries.
        self._slices: deque[list[int]] = deque()

    def count_request(self) -> None:
        self._current()[1] += 1

    def is_spent(self) -> bool:
        self._current()
        requests = sum(counts[1] for counts in self._slices)
        retries = sum(counts[2] for counts in self._slices)
        return retries + 1 > self._settings.min_retries + self._settings.share * requests

    def count_retry(self) -> None:
        self._current()[2] += 1

    def _current(self) -> list[int]:
        number = int(self._clock.now() * SLICES / self._settings.window_s)
        while self._slices and self._slices[0][0] <= number - SLICES:
            self._slices.popleft()
        if not self._slices or self._slices[-1][0] != number:
            self._slices.append([number, 0, 0])
        return self._slices[-1]
