"""Becomes a program that is sent SIGTERM once the process that started it dies.

Called with the id of that process and the program's arguments. Linux only. Knows nothing of ours,
so that it starts in a few milliseconds.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, *argv = sys.argv[1:]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    # It may have died before it was watched.
    if os.getppid() == int(parent):
        os.execvp(argv[0], argv)


if __name__ == "__main__":
    main()
