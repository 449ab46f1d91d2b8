"""When each replica of a pair gave its last text or answer.

One late request shows nothing: it may be long, or queued. A replica that gives nothing to any of
its requests makes no progress.
"""

from __future__ import annotations

from collections.abc import Iterable

from serve_app.core.ports import Clock

# Replicas come and go. The one that has been quiet for longest is forgotten first.
REPLICAS_KEPT = 256


class Silences:
    """Remembers the last sign of each replica, and of each pair as a whole."""

    def __init__(self, pairs: Iterable[str], clock: Clock) -> None:
        self._clock = clock
        self._last_s: dict[str, dict[str | None, float]] = {pair: {} for pair in pairs}

    def restart(self, pair: str, replica: str | None) -> None:
        """The replica gave something, or its silence has been counted.

        `None` stands for a replica that is not known.
        """
        signs, now_s = self._last_s[pair], self._clock.now()
        signs[replica] = signs[None] = now_s
        if len(signs) > REPLICAS_KEPT:
            del signs[min(signs, key=signs.__getitem__)]

    def seconds(self, pair: str, replica: str | None, since_s: float) -> float:
        """How long a request that waits since `since_s` has seen its replica give nothing.

        Where the replica is not known, its whole pair is meant.
        """
        return self._clock.now() - max(since_s, self._last_s[pair].get(replica, since_s))
