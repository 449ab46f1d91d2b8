"""Real runs of code that means no good; each attempt is shown to have been made and refused."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from profiles.evaluation.sandbox import Limits, SandboxUnavailable, missing_protection, run_tests
from tests.paths import REPOSITORY

# Asked of the kernel here, so that a fault of ours is no reason to skip.
LANDLOCK = ctypes.CDLL(None).syscall(444, None, 0, 1) > 0
SECCOMP = Path("/proc/sys/kernel/seccomp/actions_avail").exists() and platform.machine() in {
    "x86_64",
    "aarch64",
}
needs_landlock = pytest.mark.skipif(not LANDLOCK, reason="this kernel has no Landlock")
needs_seccomp = pytest.mark.skipif(not SECCOMP, reason="no seccomp filter for this kernel")


def passes(code: str, tests: str = "assert True", limits: Limits | None = None) -> bool:
    return run_tests(textwrap.dedent(code), tests, limits or Limits()).passed


def refused(attempt: str) -> bool:
    """Whether `attempt` ends in an error of the operating system, and in no other way."""
    code = f"""
    import asyncio, ctypes, os, pathlib, shutil, socket, subprocess, threading
    error = None
    try:
        {attempt}
    except OSError as exc:
        error = exc
    """
    return passes(code, "assert error is not None")


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[Path]:
    """A file of ours outside the sandbox, as we left it when the test is over."""
    file = tmp_path / "ours.txt"
    file.write_text("ours")
    yield file
    assert [path.name for path in tmp_path.iterdir()] == ["ours.txt"]
    assert file.read_text() == "ours"


def test_every_protection_that_the_kernel_offers_is_used() -> None:
    offered = {"files": LANDLOCK, "processes": SECCOMP, "network": SECCOMP}
    assert missing_protection() == tuple(name for name, there in offered.items() if not there)


def test_code_that_does_what_its_tests_ask_passes() -> None:
    assert passes("def double(x): return 2 * x", "assert double(2) == 4")


@pytest.mark.parametrize(
    "code",
    [
        "def double(x): return x",
        "def triple(x): return 3 * x",
        "def double(x: return x",
        "raise ValueError",
        "def double(x): return double(x)",
        "import ctypes\nctypes.string_at(0)",
    ],
    ids=["wrong", "absent", "no Python", "raises", "endless recursion", "crashes"],
)
def test_code_that_fails_or_crashes_does_not_pass(code: str) -> None:
    assert not passes(code, "assert double(2) == 4")


@pytest.mark.parametrize(
    "code",
    [
        "import sys\nsys.exit(0)",
        "import os\nos._exit(0)",
        "print('passed')\nraise SystemExit(0)",
        "import os\n[os.write(fd, b'x passed\\n') for fd in (1, 2)]\nos._exit(0)",
        "import sys\nsys.stdout.write('ok')\nsys.stdout.flush()\nsys.exit()",
    ],
)
def test_ending_early_or_printing_success_does_not_pass(code: str) -> None:
    assert not passes(code, "assert False")


def test_code_under_a_main_guard_is_not_run() -> None:
    assert passes("if __name__ == '__main__':\n    raise ValueError")


def test_what_code_prints_is_of_no_matter() -> None:
    assert passes("for _ in range(200_000): print('x' * 100)")


def test_a_loop_without_end_is_ended_by_its_processor_time() -> None:
    assert not passes("while True: pass", limits=Limits(cpu_s=1, wall_s=300))


def test_waiting_without_end_is_ended_by_the_clock() -> None:
    assert not passes("import time\ntime.sleep(3600)", limits=Limits(wall_s=1))


def test_what_does_not_heed_the_clock_is_ended_all_the_same() -> None:
    before = set(psutil.Process().children(recursive=True))
    code = """
    import signal, time
    for number in {signal.SIGALRM, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}:
        signal.signal(number, signal.SIG_IGN)
    time.sleep(3600)
    """
    assert not passes(code, limits=Limits(wall_s=1, start_s=4))
    assert set(psutil.Process().children(recursive=True)) <= before


def test_memory_has_an_end() -> None:
    assert passes("try:\n    b'0' * 2**30\nexcept MemoryError:\n    full = True", "assert full")
    assert not passes("hog = []\nwhile True: hog.append(bytes(2**20))")


def test_a_file_has_an_end() -> None:
    assert refused("open('large', 'wb').write(b'0' * 2**25)")


def test_the_number_of_open_files_has_an_end() -> None:
    assert refused("files = [open('x', 'w') for _ in range(1000)]")


def test_code_may_write_and_read_in_its_own_folder() -> None:
    assert passes("open('x', 'w').write('mine')", "assert open('x').read() == 'mine'")


@needs_seccomp
@pytest.mark.parametrize(
    "attempt",
    [
        "os.fork()",
        "subprocess.run(['/bin/true'])",
        "os.system('true') == 0 or (_ for _ in ()).throw(OSError())",
        "os.execv('/bin/true', ['true'])",
        "os.posix_spawn('/bin/true', ['true'], {})",
    ],
)
def test_it_starts_no_process(attempt: str) -> None:
    assert refused(attempt)


@needs_seccomp
def test_a_fork_bomb_does_not_go_off() -> None:
    # Not lit where a single spark would be let through.
    assert refused("os.fork()")
    assert refused("[os.fork() for _ in iter(int, 1)]")


@needs_seccomp
def test_it_may_start_threads() -> None:
    code = """
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(4) as pool:
        squares = list(pool.map(lambda x: x * x, range(4)))
    """
    assert passes(code, "assert squares == [0, 1, 4, 9]")


@needs_seccomp
@pytest.mark.parametrize(
    "attempt",
    [
        "socket.create_connection(('127.0.0.1', 80))",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
        "socket.socket(socket.AF_UNIX)",
        "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
    ],
)
def test_it_reaches_no_network(attempt: str) -> None:
    assert refused(attempt)


@needs_landlock
@needs_seccomp
@pytest.mark.parametrize(
    "attempt",
    [
        "open({path!r}, 'w')",
        "open({path!r}, 'a').write('theirs')",
        "open({path!r}).read()",
        "open({folder!r} + '/new', 'x')",
        "os.truncate({path!r}, 0)",
        "os.remove({path!r})",
        "os.rename({path!r}, 'mine')",
        "os.link({path!r}, 'mine')",
        "os.mkdir({folder!r} + '/new')",
        "os.symlink('/', {folder!r} + '/new')",
        "os.listdir({folder!r})",
        "os.chmod({path!r}, 0o777)",
        "os.chown({path!r}, 1, 1)",
        "os.utime({path!r}, (0, 0))",
        "os.symlink({path!r}, 'way out'); open('way out', 'w')",
        "shutil.rmtree({folder!r})",
    ],
)
def test_it_touches_no_file_outside_its_folder(victim: Path, attempt: str) -> None:
    assert refused(attempt.format(path=str(victim), folder=str(victim.parent)))


def test_it_sees_none_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUANTROUTE_SECRET", "hidden")
    assert passes("import os", "assert 'QUANTROUTE_SECRET' not in os.environ")
    assert passes("import os", "assert set(os.environ) <= {'LC_CTYPE'}")


@needs_landlock
@pytest.mark.parametrize("file", ["environ", "mem", "maps", "cmdline"])
def test_it_reads_nothing_of_other_processes(file: str) -> None:
    assert refused(f"open('/proc/{os.getpid()}/{file}', 'rb').read(1)")


@needs_seccomp
@pytest.mark.parametrize(
    "attempt",
    [
        "os.kill({pid}, 0)",
        "os.pidfd_open({pid})",
        "__import__('resource').prlimit({pid}, __import__('resource').RLIMIT_CPU)",
    ],
)
def test_it_lays_no_hand_on_other_processes(attempt: str) -> None:
    assert refused(attempt.format(pid=os.getpid()))


def test_it_is_not_root_in_what_matters() -> None:
    assert refused("os.setuid(0) if os.getuid() else os.chroot('/')")
    assert refused("os.nice(-10)")


def test_it_cannot_import_what_is_installed_here() -> None:
    code = "try:\n    import pydantic\n    found = True\nexcept ImportError:\n    found = False"
    assert passes(code, "assert not found")


@needs_landlock
@pytest.mark.skipif(shutil.which("setarch") is None, reason="util-linux is not installed")
def test_a_protection_that_the_machine_does_not_give_is_named() -> None:
    """On an architecture it does not know, system calls cannot be told apart."""
    ask = "from profiles.evaluation.sandbox import missing_protection as m; print(*m())"
    argv = ["setarch", "i686", sys.executable, "-c", ask]
    told = subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["processes", "network"]


def test_a_sandbox_that_does_not_start_is_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(SandboxUnavailable, match="it did not answer"):
        run_tests("", "assert True")


def test_its_folder_is_gone_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert passes("import os\nos.makedirs('a/b/c')\nopen('a/b/x', 'w')")
    assert list(tmp_path.iterdir()) == []
