"""Makes `.venv` or brings it up to date. `make install` runs it.

Needs nothing but Python. `.venv/.installed` is written last and says what was installed for which
Python. An installation that was cut short lacks it, and the next run starts that environment over.

`constraints.txt` names every package with its exact version, so pip resolves nothing here.
`cuda.txt` names the libraries that torch's standard build is linked with.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from pip_runs import REPOSITORY, Pip, SetupError, say

ENVIRONMENT = REPOSITORY / ".venv"
STAMP = ENVIRONMENT / ".installed"
SCRATCH = REPOSITORY / "build"
CONSTRAINTS = REPOSITORY / "constraints.txt"
CUDA = REPOSITORY / "requirements" / "cuda.txt"
OLDEST, NEWEST = (3, 11), (3, 13)
MACHINES = ("x86_64", "AMD64")


class Build:
    """A build of torch, with what the whole installation then takes."""

    def __init__(self, name: str, *, download_gb: float, installed_gb: float) -> None:
        self.name = name
        self.download_gb = download_gb
        self.installed_gb = installed_gb


# Measured by the commands in docs/decisions/027-pinned-versions.md.
CPU_BUILD = Build("CPU build", download_gb=1.0, installed_gb=3.7)
STANDARD_BUILD = Build("standard build (CUDA)", download_gb=3.1, installed_gb=6.7)


def check_python(version: tuple[int, int]) -> None:
    if not OLDEST <= version <= NEWEST:
        raise SetupError(
            f"Python {version[0]}.{version[1]} at {sys.executable} cannot run quantroute. Python "
            "3.11, 3.12 and 3.13 can. Name one of them: make PYTHON=python3.11 ..."
        )
    if importlib.util.find_spec("ensurepip") is None:
        raise SetupError(
            f"{sys.executable} cannot make virtual environments. Install its venv package "
            f"(Debian and Ubuntu: apt install python{version[0]}.{version[1]}-venv)."
        )


def check_machine(system: str, machine: str) -> None:
    if system != "Linux" or machine not in MACHINES:
        raise SetupError(
            f"This machine is {system} on {machine}. The exact versions in constraints.txt are "
            "for Linux on x86-64."
        )


def check_space(folder: Path, needed_bytes: int, free_bytes: int) -> None:
    if free_bytes < needed_bytes:
        raise SetupError(
            f"{folder} has {free_bytes / 1e9:.1f} GB free. The installation needs "
            f"{needed_bytes / 1e9:.1f} GB there. Free some, then run the same command again."
        )


def check_disk(build: Build, *, environment: Path, downloads: Path) -> None:
    """pip keeps its downloads in `downloads` until all packages are installed."""
    installed_bytes, download_bytes = (
        int(gigabytes * 1e9) for gigabytes in (build.installed_gb, build.download_gb)
    )
    if environment.stat().st_dev == downloads.stat().st_dev:
        installed_bytes += download_bytes
    else:
        check_space(downloads, download_bytes, shutil.disk_usage(downloads).free)
    check_space(environment, installed_bytes, shutil.disk_usage(environment).free)


def pinned(name: str) -> str:
    """The line of constraints.txt for a package that has one version on every Python."""
    (line,) = re.findall(rf"^{re.escape(name)}==\S+$", CONSTRAINTS.read_text(), re.MULTILINE)
    return str(line)


def torch_build(pip: Pip) -> Build:
    """The build of torch that pip prefers. A CPU build wins where pip is offered one.

    `2.13.0+cpu` satisfies `torch==2.13.0` and sorts above `2.13.0`.
    """
    (torch,) = pip.would_install("--no-deps", pinned("torch"))
    required = torch["metadata"].get("requires_dist", [])
    needs_cuda = any(line.startswith(("nvidia-", "cuda-")) for line in required)
    return STANDARD_BUILD if needs_cuda else CPU_BUILD


def make_environment(environment: Path, *, log: Path, isolation: bool = False) -> Pip:
    """An empty environment with the pinned pip."""
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(environment)], check=True)
    pip = Pip(environment=environment, log=log, isolation=isolation)
    pip.run("install", pinned("pip"))
    return pip


def wanted() -> tuple[str, str]:
    """What `.installed` says of an installation that is up to date: its Python and its inputs."""
    inputs = [REPOSITORY / "pyproject.toml", CONSTRAINTS, CUDA, Path(__file__)]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in inputs)).hexdigest()
    return platform.python_version(), digest


def installed() -> tuple[str, str] | None:
    """What `.installed` says, or `None` without one."""
    try:
        python, digest = STAMP.read_text().split()
    except (FileNotFoundError, ValueError):
        return None
    return python, digest


def install() -> None:
    check_python(sys.version_info[:2])
    check_machine(platform.system(), platform.machine())
    SCRATCH.mkdir(exist_ok=True)
    log = SCRATCH / "install.log"
    with (SCRATCH / "install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = installed()
        if before == wanted():
            return
        log.write_text("")
        python = platform.python_version()
        if before is not None and before[0] == python:
            pip = Pip(environment=ENVIRONMENT, log=log)
        else:
            say(f"[1/2] Making .venv for Python {python}")
            pip = make_environment(ENVIRONMENT, log=log)
            before = None
        build = torch_build(pip)
        if before is None:
            check_disk(build, environment=REPOSITORY, downloads=Path(tempfile.gettempdir()))
        STAMP.unlink(missing_ok=True)
        say(
            f"[2/2] Installing with torch's {build.name}. First time: some minutes, "
            f"{build.download_gb} GB to download, {build.installed_gb} GB on disk. "
            "All output: build/install.log"
        )
        files = [CONSTRAINTS, CUDA] if build is STANDARD_BUILD else [CONSTRAINTS]
        pip.run("install", "--no-deps", *(f"--requirement={file}" for file in files))
        pip.run("install", "--no-deps", "--editable", ".")
        STAMP.write_text(" ".join(wanted()) + "\n")
    say("Installed in .venv")


if __name__ == "__main__":
    try:
        install()
    except SetupError as error:
        sys.exit(f"\n{error}")
    except OSError as error:
        sys.exit(f"\nSet-up stopped: {error}. Repair that, then run the same command again.")
    except KeyboardInterrupt:
        sys.exit("\nStopped. The next run starts over.")
