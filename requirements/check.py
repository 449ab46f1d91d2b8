"""Whether the pinned versions fit together on a plain index. `make check-install` runs it.

A dry run of pip for each supported Python on this machine, isolated from pip's configuration.
It installs nothing. It fails where versions conflict, and where a package is not pinned.
"""

from __future__ import annotations

import re
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

from pip_runs import SetupError, say
from resolve import (
    MAIN,
    PYTHONS,
    QUANTIZATION,
    Requirements,
    find_pythons,
    isolated_pip,
    normalized,
    resolved,
)

PIN = re.compile(r"^([\w.-]+)==(\S+)(?: ; (.*))?$")


def pinned_for(version: str, files: tuple[Path, ...]) -> dict[str, str]:
    """Pinned versions by name, for one Python."""
    pins = {}
    for file in files:
        for line in file.read_text().splitlines():
            if (pin := PIN.match(line)) and (pin[3] is None or f'"{version}"' in pin[3]):
                pins[normalized(pin[1])] = pin[2]
    return pins


def problems(found: dict[str, str], pins: dict[str, str], wanted: Requirements) -> list[str]:
    """What pip would install but no file pins, one sentence each."""
    return [
        f"{name} {found[name]} is required but not pinned"
        for name in sorted(found)
        if name not in pins and name not in wanted.left_out
    ]


def check() -> list[str]:
    """Failures over all Pythons, ready to print. Two Pythons are resolved at a time."""
    found = find_pythons()
    for version in PYTHONS:
        if version not in found:
            say(f"Python {version}: not on this machine, not checked")
    if not found:
        return [f"None of Python {', '.join(PYTHONS)} is on this machine."]
    with ThreadPoolExecutor(max_workers=2) as workers:
        return list(chain.from_iterable(workers.map(check_python, found, found.values())))


def check_python(version: str, python: str) -> list[str]:
    """Failures for one Python, ready to print."""
    pip = isolated_pip(version, python)
    failures = []
    for wanted in (MAIN, QUANTIZATION):
        try:
            would = resolved(pip, version, wanted.asked, wanted.pins)
            wrong = problems(would, pinned_for(version, wanted.pins), wanted)
        except SetupError as error:
            wrong = [str(error)]
        say(f"Python {version}, {wanted.title}: {'FAILED' if wrong else 'resolves'}")
        failures += [f"Python {version}, {wanted.title}:\n{text}" for text in wrong]
    return failures


if __name__ == "__main__":
    if failed := check():
        sys.exit("\n" + "\n\n".join(failed) + "\n\nAfter a change of versions: make constraints")
