"""Child processes in a group of their own, ended together, and the memory they hold."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

import psutil

from serve_app.settings.secrets import resolved

GRACE_S = 20.0
MEMORY_EVERY_S = 1.0
# A program of its own that becomes the one asked for: code of ours between fork and exec could
# deadlock in a process with threads.
TIED_TO_PARENT = Path(__file__).with_name("die_with_parent.py")


def end_on_every_signal() -> None:
    """Ends the run on SIGTERM and SIGHUP as Ctrl-C does: no engine outlives it."""
    loop = asyncio.get_running_loop()
    # Shells start background jobs with SIGINT ignored, and then nothing would end the engine.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, signal.raise_signal, signal.SIGINT)


@contextlib.asynccontextmanager
async def process_group(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    log: IO[bytes],
    stdin: int = asyncio.subprocess.DEVNULL,
    stdout: int | IO[bytes] | None = None,
) -> AsyncIterator[Process]:
    """Runs `argv`, with `env` added to this process's own; ends its whole group on leaving.

    On Linux the process gets SIGTERM too when this one is killed and cannot end it itself.
    """
    if sys.platform == "linux":
        argv = [sys.executable, "-ISs", str(TIED_TO_PARENT), str(os.getpid()), *argv]
    process = await asyncio.create_subprocess_exec(
        *argv,
        env={**os.environ, **{name: resolved(value) for name, value in env.items()}},
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
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S):
                await process.wait()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


@contextlib.asynccontextmanager
async def peak_memory(
    pid: int, used_bytes: Callable[[int], int]
) -> AsyncIterator[Callable[[], int]]:
    """Watches a process tree and answers the most that `used_bytes` returned for it so far."""
    peak = used_bytes(pid)

    async def watch() -> None:
        nonlocal peak
        while True:
            peak = max(peak, used_bytes(pid))
            await asyncio.sleep(MEMORY_EVERY_S)

    watching = asyncio.create_task(watch())
    try:
        yield lambda: peak
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching


def resident_bytes(pid: int) -> int:
    """Resident bytes of a process and all below it; 0 once it is gone.

    Pages that processes share count once for each, so the sum is an upper bound.
    """
    total = 0
    for process in _tree(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += process.memory_info().rss
    return total


def tree_pids(pid: int) -> frozenset[int]:
    """A process and all below it; none once it is gone."""
    return frozenset(process.pid for process in _tree(pid))


def _tree(pid: int) -> tuple[psutil.Process, ...]:
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        return root, *root.children(recursive=True)
    return ()
