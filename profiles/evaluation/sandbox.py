"""Runs an answer's code and the tests it must pass in a process that may do nothing else.

`sandbox_child.py` is the other side. Standing alone: knows neither questions nor models.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

CHILD = Path(__file__).with_name("sandbox_child.py")
REPORT_BYTES = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a run may use: `cpu_s` of work, `wall_s` of waiting, and bytes of memory and files.

    The clock starts once the sandbox has, for which it has `start_s`.
    """

    cpu_s: int = 5
    wall_s: float = 20.0
    start_s: float = 60.0
    memory_bytes: int = 512 * 2**20
    file_bytes: int = 16 * 2**20
    open_files: int = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """Whether the tests passed; `missing` names the protections that the kernel did not give."""

    passed: bool
    missing: tuple[str, ...]


class SandboxUnavailable(Exception):
    """The confined process did not come up, so that nothing is known of the code."""


DEFAULT_LIMITS = Limits()


def run_tests(code: str, tests: str, limits: Limits = DEFAULT_LIMITS) -> Ran:
    """Runs `code`, then `tests` among its names. Blocks until both ended or were ended.

    Passing is what the child reports after the last test with a word drawn for this run: neither an
    exit status nor anything printed counts. Raises `SandboxUnavailable`.
    """
    word = secrets.token_hex(16)
    program = {"word": word, "code": code, "tests": tests, **asdict(limits)}
    with (
        tempfile.TemporaryDirectory(prefix="quantroute-", ignore_cleanup_errors=True) as folder,
        tempfile.TemporaryFile() as asked,
        tempfile.TemporaryFile() as output,
    ):
        asked.write(json.dumps(program).encode())
        asked.seek(0)
        child = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", str(CHILD)],
            stdin=asked,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={},
            start_new_session=True,
        )
        try:
            with suppress(subprocess.TimeoutExpired):
                child.wait(limits.start_s + limits.wall_s)
        finally:
            # With all that the child started.
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        output.seek(0)
        report = output.read(REPORT_BYTES).decode(errors="replace")
    lines = [line.split()[1:] for line in report.splitlines() if line.startswith(f"{word} ")]
    if not lines or lines[0][0] != "ready":
        cause = report.strip() or f"it did not answer within {limits.start_s:g} s"
        raise SandboxUnavailable(f"the sandbox did not start: {cause}")
    return Ran(passed=["passed"] in lines[1:], missing=tuple(lines[0][1:]))


def missing_protection() -> tuple[str, ...]:
    """What code run here could reach all the same: `files`, `processes`, `network`.

    Raises `SandboxUnavailable`.
    """
    return run_tests("", "").missing
