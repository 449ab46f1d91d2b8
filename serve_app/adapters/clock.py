"""The machine's monotonic clock."""

from __future__ import annotations

import time


class MonotonicClock:
    """A `Clock` that never goes back."""

    def now(self) -> float:
        return time.monotonic()
