"""Background tasks that survive errors, and cancellation that is not theirs."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryDelays:
    """Doubling waits between attempts.

    `jitter` is the share of each wait left to chance, so that replicas do not return at once.
    """

    first_s: float = 0.1
    longest_s: float = 1.0
    jitter: float = 0.5

    def delay_s(self, failures: int, chance: float) -> float:
        """The wait after so many failures in a row; `chance` is in [0, 1)."""
        # The exponent is capped as well: an outage of hours must not overflow a float.
        full_s = min(self.longest_s, self.first_s * 2.0 ** min(failures - 1, 30))
        return full_s * (1 - self.jitter * chance)


RESTART_DELAYS = RetryDelays(first_s=0.2, longest_s=10.0)


def is_cancelled() -> bool:
    """Whether the task that runs here was cancelled.

    Otherwise a `CancelledError` is of something it waited for, as a call of an actor that ended.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def keep_running(
    name: str,
    job: Callable[[], Awaitable[None]],
    *,
    delays: RetryDelays = RESTART_DELAYS,
    chance: Callable[[], float] = random.random,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Runs `job` until it returns or this task is cancelled.

    `job` starts again after an error or a stray cancellation, at first soon, then more slowly. One
    that ran for longer than the longest wait starts soon again.
    """
    failures = 0
    while True:
        began_s = now()
        try:
            await job()
            return
        except asyncio.CancelledError as exc:
            if is_cancelled():
                raise
            logger.error("background task %r starts again: %r", name, exc, exc_info=exc)
        # Whatever breaks in a background task, the next round may go well.
        except Exception as exc:
            logger.error("background task %r starts again: %r", name, exc, exc_info=exc)
        failures = 1 if now() - began_s > delays.longest_s else failures + 1
        await sleep(delays.delay_s(failures, chance()))
