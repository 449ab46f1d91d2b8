"""Runs pip and the scripts of this package in processes of their own.

A process of its own gives back its memory, and may belong to another virtual environment.
"""

from __future__ import annotations

import errno
import re
import subprocess
from collections import deque
from collections.abc import Sequence

from profiles.checkpoints.errors import ToolFailed
from profiles.checkpoints.progress import Step

KEPT_LINES = 200
NO_SPACE = ("No space left on device", "Disk quota exceeded")
# What pip and tqdm write about their progress.
PROGRESS = re.compile(r"Progress (\d+) of (\d+)|.*\|\s*(\d+)/(\d+) \[")


def run(tool: str, command: Sequence[str], step: Step) -> None:
    """Runs `command` to its end. Raises `ToolFailed`, or `OSError` where the disk was full."""
    kept: deque[str] = deque(maxlen=KEPT_LINES)
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if so_far := PROGRESS.match(line):
                    done, total = (int(count) for count in so_far.groups() if count)
                    step.at(done, total)
                else:
                    kept.append(line)
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        output = "".join(kept)
        if any(sign in output for sign in NO_SPACE):
            raise OSError(errno.ENOSPC, f"{tool}: no space left on device")
        raise ToolFailed(tool, process.returncode, output)


def pip(python: str, arguments: Sequence[str], step: Step) -> None:
    """Runs the pip of `python`, which must be 25.1 or newer."""
    options = ["--no-input", "--disable-pip-version-check", "--progress-bar", "raw"]
    run("pip", [python, "-m", "pip", arguments[0], *options, *arguments[1:]], step)
