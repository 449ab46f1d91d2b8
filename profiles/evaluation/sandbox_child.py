"""The confined side of the sandbox: gives up its rights, then runs an answer and its tests.

A program of its own, run as `python -I -S` on a file that `sandbox.py` fills; imports nothing but
the standard library, and nothing of this project. Its report goes to its standard output,
each line opened by a word that only `sandbox.py` and this program know.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

LIBC = ctypes.CDLL(None, use_errno=True)
NO_NEW_PRIVILEGES = 38
SET_SECCOMP = 22
SECCOMP_FILTER = 2
CAPABILITY_VERSION = 0x20080522
LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446

# Rights of Landlock's first version, and what each later version added to them.
RUN_FILE, WRITE_FILE, READ_FILE, READ_FOLDER = 1 << 0, 1 << 1, 1 << 2, 1 << 3
FILE_RIGHTS = READ_FILE | WRITE_FILE
FIRST_RIGHTS = (1 << 13) - 1
LATER_RIGHTS = {2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/share/zoneinfo", "/etc/ld.so.cache")

# The names that seccomp knows the two architectures by, and the numbers of the calls that are
# refused there, 0 where there is no such call. `clone` makes threads too and is looked at closer.
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
CLONE = {"x86_64": 56, "aarch64": 220}
REFUSED_CALLS = {
    "fork": (57, 0),
    "vfork": (58, 0),
    "execve": (59, 221),
    "execveat": (322, 281),
    "socket": (41, 198),
    "io_uring_setup": (425, 425),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "prlimit64": (302, 261),
    # What Landlock leaves open on files that cannot be opened.
    "truncate": (76, 45),
    "chmod": (90, 0),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, 0),
    "lchown": (94, 0),
    "fchownat": (260, 54),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "utime": (132, 0),
    "utimes": (235, 0),
    "futimesat": (261, 0),
    "utimensat": (280, 88),
}
CLONE3 = 435
FIRST_X32_CALL = 0x40000000
THREAD = 0x10000
EPERM, ENOSYS = 1, 38
ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050000, 0x80000000
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06


def main() -> None:
    # The code, the tests, the word and `Limits` of `sandbox.py`.
    program: dict[str, Any] = json.loads(sys.stdin.buffer.read())
    report = os.dup(1)
    for limit, value in (
        (resource.RLIMIT_CPU, program["cpu_s"]),
        (resource.RLIMIT_AS, program["memory_bytes"]),
        (resource.RLIMIT_FSIZE, program["file_bytes"]),
        (resource.RLIMIT_NOFILE, program["open_files"]),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))
    _checked(LIBC.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    missing = [*_try(_shut_files, "files"), *_try(_shut_calls, "processes", "network")]
    if "processes" in missing:
        # Root is exempt from this limit, and threads are lost with it.
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    # No capabilities: of no effect for an ordinary user, and root is one like the others then.
    _checked(LIBC.capset(struct.pack("Ii", CAPABILITY_VERSION, 0), bytes(24)))
    _say(report, program["word"], "ready", *missing)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    signal.setitimer(signal.ITIMER_REAL, program["wall_s"])
    names = {"__name__": "answer"}
    try:
        exec(compile(program["code"], "answer", "exec"), names)
        exec(compile(program["tests"], "tests", "exec"), names)
    except BaseException:  # noqa: BLE001 - whatever an answer raises, SystemExit too, is its failure.
        pass
    else:
        _say(report, program["word"], "passed")
    # Threads and exit handlers of the answer have no say any more.
    os._exit(0)


def _say(report: int, *words: str) -> None:
    os.write(report, f"{' '.join(words)}\n".encode())


def _try(shut: Callable[[], None], *names: str) -> tuple[str, ...]:
    try:
        shut()
    except OSError:
        return names
    return ()


def _shut_files() -> None:
    """Landlock: Python's library can be read, the working folder written, nothing else opened."""
    version = _checked(LIBC.syscall(LANDLOCK_CREATE, None, 0, 1))
    rights = FIRST_RIGHTS
    for since, added in LATER_RIGHTS.items():
        rights |= added if version >= since else 0
    handled = struct.pack("Q", rights)
    rules = _checked(LIBC.syscall(LANDLOCK_CREATE, handled, len(handled), 0))
    for path in (sys.base_prefix, sys.base_exec_prefix, *LIBRARIES, "/dev/urandom"):
        _allow(rules, Path(path), READ_FILE | READ_FOLDER)
    _allow(rules, Path(os.devnull), FILE_RIGHTS)
    _allow(rules, Path.cwd(), rights & ~RUN_FILE)
    _checked(LIBC.syscall(LANDLOCK_RESTRICT, rules, 0))
    os.close(rules)


def _allow(rules: int, path: Path, rights: int) -> None:
    if not path.exists():
        return
    beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    kept = rights if path.is_dir() else rights & FILE_RIGHTS
    _checked(LIBC.syscall(LANDLOCK_ADD, rules, 1, struct.pack("=Qi", kept, beneath), 0))
    os.close(beneath)


def _shut_calls() -> None:
    """seccomp: no processes and programs, no sockets, no hand on other processes."""
    machine = platform.machine()
    if machine not in ARCHITECTURES:
        raise OSError(ENOSYS, f"system calls of {machine!r} are not known here")
    column = list(ARCHITECTURES).index(machine)
    refused = [numbers[column] for numbers in REFUSED_CALLS.values() if numbers[column]]
    code = b"".join(
        (
            _one(LOAD, 0, 0, 4),
            _one(EQUAL, 1, 0, ARCHITECTURES[machine]),
            _one(RETURN, 0, 0, KILL),
            _one(LOAD, 0, 0, 0),
            _one(AT_LEAST, 0, 1, FIRST_X32_CALL),
            _one(RETURN, 0, 0, KILL),
            *(_one(EQUAL, 0, 1, n) + _one(RETURN, 0, 0, REFUSE | EPERM) for n in refused),
            # The C library then asks with clone, whose flags can be looked at.
            _one(EQUAL, 0, 1, CLONE3),
            _one(RETURN, 0, 0, REFUSE | ENOSYS),
            _one(EQUAL, 1, 0, CLONE[machine]),
            _one(RETURN, 0, 0, ALLOW),
            _one(LOAD, 0, 0, 16),
            _one(ANY_BIT, 0, 1, THREAD),
            _one(RETURN, 0, 0, ALLOW),
            _one(RETURN, 0, 0, REFUSE | EPERM),
        )
    )
    buffer = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer))
    _checked(LIBC.prctl(SET_SECCOMP, SECCOMP_FILTER, program, 0, 0))


def _one(code: int, if_true: int, if_false: int, value: int) -> bytes:
    """One instruction of the filter."""
    return struct.pack("HBBI", code, if_true, if_false, value)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


if __name__ == "__main__":
    main()
