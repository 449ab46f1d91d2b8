"""Full disks, killed runs and two runs at once."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from profiles.checkpoints import ensure, resolve
from profiles.checkpoints.disk import PARTIAL
from profiles.checkpoints.errors import DiskFull, ToolFailed
from profiles.checkpoints.progress import ConsoleProgress
from profiles.checkpoints.tools import run
from tests.paths import REPOSITORY
from tests.profiles.checkpoint_fakes import BF16, W8A8, RecordedProgress, WorkingSource, a_workshop

KILLED_MIDWAY = """
import sys
from pathlib import Path
from profiles.checkpoints import ensure
from tests.profiles.checkpoint_fakes import BF16, WorkingSource, a_workshop

def hang(folder):
    print("midway", flush=True)
    sys.stdin.read()

ensure([BF16], root=Path(sys.argv[1]), workshop=a_workshop(WorkingSource(midway=hang)))
"""


def leftovers(root: Path) -> list[Path]:
    return list(root.rglob(f"{PARTIAL}*"))


def fill_the_disk(folder: Path) -> None:
    """Writes where the system answers ENOSPC to every write."""
    with Path("/dev/full").open("w") as file:
        file.write("x")


def test_too_little_space_is_said_before_anything_is_fetched(tmp_path: Path) -> None:
    source = WorkingSource()
    with pytest.raises(DiskFull, match=r"0\.1 GB free, 0\.6 GB are needed"):
        ensure([BF16], root=tmp_path, workshop=a_workshop(source, free_bytes=10**8))
    assert source.fetched == 0


def test_a_disk_that_fills_up_midway_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    workshop = a_workshop(WorkingSource(midway=fill_the_disk))
    with pytest.raises(DiskFull, match=r"0\.6 GB are needed; free some, then run again"):
        ensure([BF16], root=tmp_path, workshop=workshop)
    assert resolve(BF16, tmp_path) is None
    assert leftovers(tmp_path) == []


def test_a_disk_that_fills_up_under_a_tool_is_recognized() -> None:
    script = "import pathlib; pathlib.Path('/dev/full').write_text('x')"
    with ConsoleProgress().step("writing") as step, pytest.raises(OSError, match="no space left"):
        run("writer", [sys.executable, "-c", script], step)


def test_a_tool_that_fails_shows_its_last_lines() -> None:
    with ConsoleProgress().step("failing") as step, pytest.raises(ToolFailed) as caught:
        run("failer", [sys.executable, "-c", "raise SystemExit('no such layer')"], step)
    assert str(caught.value) == "failer ended with exit code 1; its last lines:\n  no such layer"


def test_a_step_that_raises_leaves_nothing_and_the_next_run_recovers(tmp_path: Path) -> None:
    def stop(_: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ensure([BF16], root=tmp_path, workshop=a_workshop(WorkingSource(midway=stop)))
    assert leftovers(tmp_path) == []
    assert resolve(BF16, tmp_path) is None
    assert ensure([BF16], root=tmp_path, workshop=a_workshop())[BF16].is_dir()


def test_a_killed_run_leaves_no_checkpoint_and_the_next_run_cleans_up(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED_MIDWAY, str(tmp_path)]
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == "midway\n"
        killed.kill()
    assert resolve(BF16, tmp_path) is None
    assert len(leftovers(tmp_path)) == 1
    progress = RecordedProgress()
    ensure([BF16], root=tmp_path, workshop=a_workshop(), progress=progress)
    assert resolve(BF16, tmp_path) is not None
    assert leftovers(tmp_path) == []
    assert progress.lines[0].startswith("Removed what an interrupted run left")


def test_of_two_runs_at_once_one_works_and_the_other_waits(tmp_path: Path) -> None:
    working, waiting = threading.Event(), threading.Event()

    def until_the_other_waits(_: Path) -> None:
        working.set()
        assert waiting.wait(timeout=30)

    source = WorkingSource(midway=until_the_other_waits)
    workshop = a_workshop(source)
    second_progress = RecordedProgress(on_step=lambda _: waiting.set())
    with ThreadPoolExecutor() as pool:
        first = pool.submit(ensure, [BF16], root=tmp_path, workshop=workshop)
        assert working.wait(timeout=30)
        second = pool.submit(
            ensure, [BF16, W8A8], root=tmp_path, workshop=workshop, progress=second_progress
        )
        assert second.result()[BF16] == first.result()[BF16]
    assert source.fetched == 1
    assert second_progress.lines[0] == "Waiting for another run that is making checkpoints"
