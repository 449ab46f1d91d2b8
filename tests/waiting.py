"""How tests wait: for an event, and never for a time that a busy machine could miss."""

from __future__ import annotations

import time
from collections.abc import Callable

# Only a fault takes this long, on a machine that is busy with other work too.
GIVE_UP_S = 120.0


def eventually(holds: Callable[[], bool]) -> None:
    """Returns once `holds()` is true. Raises `AssertionError` after `GIVE_UP_S`."""
    until = time.monotonic() + GIVE_UP_S
    while not holds():
        assert time.monotonic() < until, f"still false after {GIVE_UP_S:.0f} s"
        time.sleep(0.1)
