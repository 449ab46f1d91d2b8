"""Child processes in a group of their own, ended together, and the memory they hold."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import IO

import psutil

GRACE_S = 20.0
MEMORY_EVERY_S = 1.0


@contextlib.asynccontextmanager
async def process_group(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    log: IO[bytes],
    stdin: int = asyncio.subprocess.DEVNULL,
    stdout: int | IO[bytes] | None = None,
) -> AsyncIterator[Process]:
    """Runs `argv`, with `env` added to this process's own; ends its whole group on leaving."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        env={**os.environ, **env},
        stdin=stdin,
        stdout=log if stdout is None else stdout,
        stderr=log,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        await _end(process)


async def _end(process: Process) -> None:
    """SIGTERM to the group, and SIGKILL to whatever of it outlives the grace period."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        async with asyncio.timeout(GRACE_S):
            await process.wait()
    except TimeoutError:
        pass
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


@contextlib.asynccontextmanager
async def peak_memory(pid: int) -> AsyncIterator[Callable[[], int]]:
    """Watches a process tree and answers its highest resident bytes so far.

    Pages that processes share count once for each, so the sum is an upper bound.
    """
    peak = resident_bytes(pid)

    async def watch() -> None:
        nonlocal peak
        while True:
            peak = max(peak, resident_bytes(pid))
            await asyncio.sleep(MEMORY_EVERY_S)

    watching = asyncio.create_task(watch())
    try:
        yield lambda: peak
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching


def resident_bytes(pid: int) -> int:
    """Resident bytes of a process and all below it; 0 once it is gone."""
    total = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                total += process.memory_info().rss
    return total
