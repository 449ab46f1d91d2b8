"""Runs pip: its progress condensed, its questions answered as JSON, its failures explained.

Needs nothing but Python, because it runs before anything is installed.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from pip_failures import explain

REPOSITORY = Path(__file__).resolve().parent.parent
LARGE_DOWNLOAD = re.compile(
    r"\s*Downloading (?:\S*/)?([^\s/]+?)-\d[\d.]*\S* \((\d{2,}\.?\d* MB|[\d.]+ GB)\)"
)
# How to reach an index. All other PIP_ variables change what pip finds there.
REACHES_AN_INDEX = frozenset(
    f"PIP_{name}"
    for name in (
        "CACHE_DIR",
        "CERT",
        "CLIENT_CERT",
        "DEFAULT_TIMEOUT",
        "NO_CACHE_DIR",
        "PROXY",
        "RETRIES",
        "TIMEOUT",
    )
)


class SetupError(Exception):
    """What stopped the set-up and what to do about it."""


def say(text: str, *, end: str = "\n") -> None:
    sys.stdout.write(text + end)
    sys.stdout.flush()


def isolated(variables: Mapping[str, str]) -> dict[str, str]:
    """`variables` without what makes pip find other files than a plain index has.

    Configuration files are off. Variables that say how to reach an index stay.
    """
    kept = {
        name: value
        for name, value in variables.items()
        if not name.startswith("PIP_") or name in REACHES_AN_INDEX
    }
    return {**kept, "PIP_CONFIG_FILE": os.devnull}


@dataclass(frozen=True, kw_only=True)
class Pip:
    """The pip of one virtual environment. `log` keeps its whole output.

    With `isolation`, pip ignores the configuration of the machine and the user.
    """

    environment: Path
    log: Path
    isolation: bool = False

    def run(self, *arguments: str) -> None:
        """Raises `SetupError` with the reason that pip gave."""
        with (
            self.log.open("a") as kept,
            subprocess.Popen(
                self._command(arguments),
                cwd=REPOSITORY,
                env=self._variables(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                bufsize=1,
            ) as running,
        ):
            start = kept.tell()
            assert running.stdout is not None
            for text in condensed(tee(running.stdout, kept), terminal=sys.stdout.isatty()):
                say(text, end="")
        if running.returncode:
            with self.log.open() as written:
                written.seek(start)
                self._fail(written.read())

    def would_install(self, *arguments: str) -> list[dict[str, Any]]:
        """The `install` list of pip's report on a dry run: one entry per distribution.

        Raises `SetupError` with the reason that pip gave.
        """
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.json"
            dry = ("install", "--dry-run", "--ignore-installed", "--report", str(report))
            # pip prints the causes of a conflict to its standard output.
            done = subprocess.run(
                self._command((*dry, *arguments)),
                cwd=REPOSITORY,
                env=self._variables(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            with self.log.open("a") as kept:
                kept.write(done.stdout)
            if done.returncode:
                self._fail(done.stdout)
            entries: list[dict[str, Any]] = json.loads(report.read_text())["install"]
        return entries

    def _command(self, arguments: Iterable[str]) -> list[str]:
        return [str(self.environment / "bin" / "python"), "-m", "pip", *arguments]

    def _variables(self) -> dict[str, str]:
        variables = dict(os.environ)
        # A setting for the user's own packages makes pip fail in a virtual environment.
        variables["PIP_USER"] = "0"
        return isolated(variables) if self.isolation else variables

    def _fail(self, output: str) -> None:
        python = self.environment / "bin" / "python"
        version = subprocess.run(
            [python, "-m", "pip", "--version"], capture_output=True, text=True, check=False
        )
        settings = subprocess.run(
            [python, "-m", "pip", "config", "list"],
            env=self._variables(),
            capture_output=True,
            text=True,
            check=False,
        )
        names = [line.split("=")[0] for line in settings.stdout.splitlines()]
        raise SetupError(
            explain(output, pip=version.stdout.strip(), settings=names, log=str(self.log))
        )


def tee(lines: Iterable[str], kept: TextIO) -> Iterator[str]:
    """The same lines, written to `kept` on the way."""
    for line in lines:
        kept.write(line)
        yield line


def condensed(lines: Iterable[str], *, terminal: bool) -> Iterator[str]:
    """The parts of pip's output worth a line: large downloads and the two slow stages.

    On a terminal, a line that ends in a carriage return also counts what was found.
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
