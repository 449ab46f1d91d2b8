"""What the log of a failed process shows, in one line and in a few."""

from __future__ import annotations

import re
from pathlib import Path

TAIL_BYTES = 64 * 1024
TAIL_LINES = 20

_ERROR = re.compile(r"\b(?P<cause>(?:[\w.]*(?:Error|Exception)|Killed|error): ?\S.*)$")
# vLLM's front process only reports that its engine process failed; the reason stands above.
_SECONDHAND = ("See root cause above", "Engine core initialization failed")


def tail(path: Path) -> str:
    """The last lines of a log."""
    return "\n".join(_lines(path)[-TAIL_LINES:])


def cause(path: Path) -> str:
    """The last line that names an error, else the last line at all."""
    lines = _lines(path)
    for line in reversed(lines):
        found = _ERROR.search(line)
        if found and not any(phrase in line for phrase in _SECONDHAND):
            return found["cause"].strip()
    return lines[-1].strip() if lines else "it wrote nothing to its log"


def _lines(path: Path) -> list[str]:
    with path.open("rb") as log:
        log.seek(0, 2)
        log.seek(max(0, log.tell() - TAIL_BYTES))
        text = log.read().decode(errors="replace")
    return [line for line in text.splitlines() if line.strip()]
