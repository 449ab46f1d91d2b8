"""Child processes leave nothing behind."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import psutil
import pytest

from profiles.processes.process_group import peak_memory, process_group, resident_bytes, tree_pids


async def test_leaving_ends_the_process_and_all_it_started(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        async with process_group(
            ["sh", "-c", "sleep 600 & echo $!; wait"], env={}, log=log, stdout=PIPE
        ) as shell:
            assert shell.stdout is not None
            grandchild = psutil.Process(int(await shell.stdout.readline()))

    assert shell.returncode is not None
    psutil.wait_procs([grandchild], timeout=5)
    assert not grandchild.is_running()


async def test_an_exception_inside_ends_the_process_too(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log, pytest.raises(asyncio.CancelledError):
        async with process_group(["sleep", "600"], env={}, log=log) as sleeper:
            raise asyncio.CancelledError

    assert sleeper.returncode is not None


async def test_the_environment_given_is_added_to_this_processs_own(tmp_path: Path) -> None:
    argv = ["sh", "-c", 'test -n "$PATH" && echo $QUANTROUTE_TEST']
    with (tmp_path / "log").open("wb") as log:
        async with process_group(
            argv, env={"QUANTROUTE_TEST": "here"}, log=log, stdout=PIPE
        ) as shell:
            assert shell.stdout is not None
            assert await shell.stdout.readline() == b"here\n"


async def test_peak_memory_stays_known_after_the_process_has_gone(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        async with (
            process_group(["sleep", "600"], env={}, log=log) as sleeper,
            peak_memory(sleeper.pid, resident_bytes) as peak_bytes,
        ):
            sleeper.kill()
            await sleeper.wait()

            assert peak_bytes() > 0
            assert resident_bytes(sleeper.pid) == 0


async def test_a_tree_is_a_process_and_all_below_it(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        async with process_group(
            ["sh", "-c", "sleep 600 & echo $!; wait"], env={}, log=log, stdout=PIPE
        ) as shell:
            assert shell.stdout is not None
            grandchild = int(await shell.stdout.readline())

            assert tree_pids(shell.pid) == {shell.pid, grandchild}

    assert tree_pids(shell.pid) == frozenset()


STARTS_A_CHILD = """
import asyncio, sys
from profiles.processes.process_group import process_group

async def main():
    with open(sys.argv[1], "wb") as log:
        async with process_group(["sleep", "600"], env={}, log=log) as sleeper:
            print(sleeper.pid, flush=True)
            await sleeper.wait()

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of this death")
async def test_a_child_ends_when_its_starter_is_killed(tmp_path: Path) -> None:
    starter = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", STARTS_A_CHILD, str(tmp_path / "log")), stdout=PIPE
    )
    assert starter.stdout is not None
    child = psutil.Process(int(await starter.stdout.readline()))

    starter.kill()
    await starter.wait()

    _, alive = psutil.wait_procs([child], timeout=10)
    assert not alive
