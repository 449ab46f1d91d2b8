"""Background tasks go on after errors, and end when they are cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from serve_app.background import RetryDelays, keep_running

DELAYS = RetryDelays(first_s=1, longest_s=4, jitter=0.5)


@pytest.mark.parametrize("failures", [1, 2, 3, 10, 5_000])
def test_waits_stay_within_the_longest_and_chance_only_shortens_them(failures: int) -> None:
    delays = RetryDelays(first_s=0.1, longest_s=1.0, jitter=0.5)

    surely_s, luckily_s = delays.delay_s(failures, 0.0), delays.delay_s(failures, 0.999)

    assert 0 < luckily_s < surely_s <= 1.0
    assert luckily_s >= surely_s / 2


class Job:
    """Raises what a test gives it, one error for each start, then returns."""

    def __init__(self, *errors: BaseException, takes_s: float = 0.0) -> None:
        self._errors = list(errors)
        self._takes_s = takes_s
        self.starts = 0
        self.time_s = 0.0
        self.waits_s: list[float] = []

    async def __call__(self) -> None:
        self.starts += 1
        self.time_s += self._takes_s
        if self._errors:
            raise self._errors.pop(0)

    async def run(self) -> None:
        await keep_running(
            "job",
            self,
            delays=DELAYS,
            chance=lambda: 0.0,
            now=lambda: self.time_s,
            sleep=self._sleep,
        )

    async def _sleep(self, seconds: float) -> None:
        self.waits_s.append(seconds)


@pytest.mark.parametrize(
    "error",
    [ZeroDivisionError("a bug"), RuntimeError("StatusCode.UNKNOWN"), asyncio.CancelledError()],
    ids=lambda error: type(error).__name__,
)
async def test_a_task_starts_again_after_any_error(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    job = Job(error)

    await job.run()

    assert job.starts == 2
    assert f"background task 'job' starts again: {error!r}" in caplog.text


async def test_a_task_that_fails_again_and_again_starts_more_slowly() -> None:
    job = Job(*[ValueError()] * 5)

    await job.run()

    assert job.waits_s == [1, 2, 4, 4, 4]


async def test_a_task_that_ran_for_long_starts_soon_again() -> None:
    job = Job(*[ValueError()] * 3, takes_s=5.0)

    await job.run()

    assert job.waits_s == [1, 1, 1]


async def _for_ever() -> None:
    await asyncio.Event().wait()


async def _for_ever_with_a_slow_end() -> None:
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)


@pytest.mark.parametrize("job", [_for_ever, _for_ever_with_a_slow_end])
async def test_a_cancelled_task_ends(job: Callable[[], Awaitable[None]]) -> None:
    task = asyncio.create_task(keep_running("job", job))
    await asyncio.sleep(0)

    task.cancel()
    await asyncio.wait([task])

    assert task.cancelled()
