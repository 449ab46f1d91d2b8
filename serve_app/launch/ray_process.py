"""`serve run` as a child process that leaves nothing behind.

Ray and vLLM start processes that outlive their parents' signals, so every process of a run
carries a mark in its environment, by which the last of them are found and ended.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import psutil

from serve_app.launch.haproxy import HEADER_LIMIT_BYTES, write_haproxy
from serve_app.settings.pairs import DRAIN_MARGIN_S, LONGEST_ANSWER_S

MARK = "QUANTROUTE_RUN"
GRACE_S = 45.0
LOOPBACK_V6 = frozenset({"::1", "::ffff:127.0.0.1"})
_DASHBOARD = re.compile(r"View the dashboard at.*?(\d+\.\d+\.\d+\.\d+:\d+)")  # colour codes between


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """Host and port of Ray's dashboard API, and the token that this run's cluster wants."""

    address: str
    token: str


class ServeProcess:
    """One local Ray with one Serve configuration, from `start` to `stop`.

    Relative paths in the configuration are relative to `working_folder`; `run_folder` keeps
    what the run itself writes. A proxy that was told to stop lets answers go on for `drain_s`.
    """

    def __init__(
        self,
        config: Path,
        *,
        working_folder: Path,
        run_folder: Path,
        inherited: Mapping[str, str],
        drain_s: float = LONGEST_ANSWER_S + DRAIN_MARGIN_S,
    ) -> None:
        self.log = run_folder / "serve.log"
        self._config = config.resolve()
        self._working_folder = working_folder
        self.mark = uuid.uuid4().hex
        self._env = {**_serve_environment(run_folder, drain_s), **inherited, MARK: self.mark}
        self._env.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts Ray and submits the configuration; returns at once."""
        # The command of this Python's environment, on PATH or not.
        serve = str(Path(sys.executable).with_name("serve"))
        command = [serve, "run", "--address", "local", str(self._config)]
        with self.log.open("wb") as log:
            self._child = subprocess.Popen(
                command,
                cwd=self._working_folder,
                stdout=log,
                stderr=log,
                env=self._env,
                start_new_session=True,  # Ctrl-C reaches us alone
            )

    @property
    def exit_code(self) -> int | None:
        """`None` while it runs."""
        return self._child.poll() if self._child else None

    @property
    def dashboard(self) -> Dashboard | None:
        """Ray's dashboard API, once its address is known."""
        found = _DASHBOARD.search(self.log.read_text(errors="replace"))
        if found is None:
            return None
        return Dashboard(address=found.group(1), token=self._env["RAY_AUTH_TOKEN"])

    def stop(self) -> None:
        """Shuts the application and Ray down, and ends whatever of this run is still there."""
        if self._child is not None and self._child.poll() is None:
            self._child.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(GRACE_S)
        left = self.processes()
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
        for process in psutil.wait_procs(left, timeout=5)[1]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        if self._child is not None:
            self._child.wait()

    def processes(self) -> list[psutil.Process]:
        """Every live process of this run."""
        ours = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get(MARK) == self.mark:
                    ours.append(process)
        return ours


def exposed_ports(processes: list[psutil.Process]) -> list[tuple[int, str]]:
    """(port, process name) of every listener reachable from other machines."""
    found: set[tuple[int, str]] = set()
    for process in processes:
        with contextlib.suppress(psutil.Error):
            name = process.name()
            for connection in process.net_connections(kind="tcp"):
                if connection.status != psutil.CONN_LISTEN:
                    continue
                address = connection.laddr
                if not address.ip.startswith("127.") and address.ip not in LOOPBACK_V6:
                    found.add((address.port, name))
    return sorted(found)


def free_port() -> int:
    """A TCP port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def port_is_taken(port: int) -> bool:
    """Whether somebody already listens on this port of the loopback interface."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
        return False


def wait_until_free(port: int, timeout_s: float) -> None:
    """Returns when `port` can be bound again, or after `timeout_s`."""
    until = time.monotonic() + timeout_s
    while port_is_taken(port) and time.monotonic() < until:
        time.sleep(0.1)


def _serve_environment(run_folder: Path, drain_s: float) -> dict[str, str]:
    """Ray Serve in HAProxy mode, with side ports of this run alone."""
    return {
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(write_haproxy(run_folder)),
        "RAY_SERVE_HAPROXY_TUNE_BUFSIZE": str(HEADER_LIMIT_BYTES),
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S": str(ceil(drain_s)),
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(free_port()),
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(free_port()),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(free_port()),
        # A fleet on one machine has no other senders: no need to drain for 30 s.
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "1",
        # Ray listens on all interfaces, and rejects connections without this run's token.
        "RAY_AUTH_MODE": "token",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_COLOR_PREFIX": "0",
        "PYTHONUNBUFFERED": "1",
    }
