"""Time that a test moves."""

from __future__ import annotations

import asyncio


class ManualClock:
    """A `Clock` that moves on request; `sleep` ends when enough time was let pass."""

    def __init__(self, now_s: float = 0.0) -> None:
        self._now_s = now_s
        self._moved = asyncio.Condition()

    def now(self) -> float:
        return self._now_s

    async def sleep(self, seconds: float) -> None:
        wake_s = self._now_s + seconds
        async with self._moved:
            await self._moved.wait_for(lambda: self._now_s >= wake_s)

    async def advance(self, seconds: float) -> None:
        """Lets time pass and ends each sleep that is over."""
        async with self._moved:
            self._now_s += seconds
            self._moved.notify_all()
