"""How long each pair has given nothing to any stream that waits for it.

One late request shows nothing: it may be long, or queued. A pair that gives no text to any of its
streams makes no progress.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from serve_app.core.ports import Clock


class Silences:
    """Adds up the time in which at least one stream waited for a pair, since its last text.

    A unary answer in progress shows nothing, so it does not wait here.
    """

    def __init__(self, pairs: Iterable[str], clock: Clock) -> None:
        self._clock = clock
        self._waiting = dict.fromkeys(pairs, 0)
        self._since_s = dict.fromkeys(self._waiting, 0.0)
        self._before_s = dict.fromkeys(self._waiting, 0.0)

    @contextmanager
    def waiting(self, pair: str) -> Iterator[None]:
        """Counts one stream that waits for its next text for as long as the block runs."""
        if not self._waiting[pair]:
            self._since_s[pair] = self._clock.now()
        self._waiting[pair] += 1
        try:
            yield
        finally:
            self._waiting[pair] -= 1
            if not self._waiting[pair]:
                self._before_s[pair] += self._clock.now() - self._since_s[pair]

    def restart(self, pair: str) -> None:
        """The pair gave something, or its silence has been counted."""
        self._before_s[pair] = 0.0
        self._since_s[pair] = self._clock.now()

    def seconds(self, pair: str) -> float:
        running_s = self._clock.now() - self._since_s[pair] if self._waiting[pair] else 0.0
        return self._before_s[pair] + running_s
