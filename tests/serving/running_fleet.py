"""A fleet as a user starts it: `quantroute serve`, real Ray, real engines."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psutil
import yaml

from serve_app.launch.ray_process import MARK, free_port, port_is_taken
from serve_app.settings.config_file import read_config
from serve_app.settings.cpu import cpu_flags, left_out
from tests.paths import REPOSITORY, SMOLLM2_FLEET
from tests.waiting import GIVE_UP_S

CONFIG = read_config(SMOLLM2_FLEET)
# Its pairs less those that this CPU cannot run.
PAIRS = {pair.id for pair in CONFIG.args.pairs} - set(left_out(CONFIG.args.pairs, cpu_flags()))
READY_TIMEOUT_S = 1_200.0
STOP_TIMEOUT_S = 120.0


@dataclass
class Fleet:
    """A running fleet; `output` is what its user has seen in the terminal so far."""

    url: str
    process: subprocess.Popen[str]
    output: list[str]

    def post(self, path: str, body: dict[str, Any], **headers: str) -> httpx2.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx2.post(f"{self.url}{path}", json=body, headers=named, timeout=GIVE_UP_S)

    def get(self, path: str) -> httpx2.Response:
        return httpx2.get(f"{self.url}{path}", timeout=GIVE_UP_S)

    def route(self, **routing: Any) -> dict[str, Any]:
        body = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}]}
        reply = self.post("/v1/route", {**body, "routing": routing})
        assert reply.status_code == 200, reply.text
        decision: dict[str, Any] = reply.json()
        return decision | {"replica": reply.headers["x-quantroute-replica"]}

    def processes(self) -> list[psutil.Process]:
        """Every process that the fleet's own process started, however far down."""
        marks = {_mark(child) for child in psutil.Process(self.process.pid).children()}
        marks.discard(None)
        return [process for process in psutil.process_iter() if _mark(process) in marks]


def running_fleet(config: Path) -> Iterator[Fleet]:
    """Starts what the file says on a free port, and stops all of it."""
    port = free_port()
    fleet = Fleet(f"http://127.0.0.1:{port}", _start(config, port), [])
    lines: queue.Queue[str] = queue.Queue()
    reader = threading.Thread(target=_read, args=(fleet, lines), daemon=True)
    reader.start()
    try:
        _wait_until_ready(fleet, lines)
        yield fleet
        ours = fleet.processes()
        assert ours, "the fleet's processes should carry its mark"
        fleet.process.send_signal(signal.SIGINT)
        assert fleet.process.wait(STOP_TIMEOUT_S) == 0, "".join(fleet.output)
        assert not [process for process in ours if _runs(process)]
        assert not port_is_taken(port)
    finally:
        if fleet.process.poll() is None:
            fleet.process.send_signal(signal.SIGINT)
            fleet.process.wait(STOP_TIMEOUT_S)
        reader.join(STOP_TIMEOUT_S)
        assert fleet.process.stdout is not None
        fleet.process.stdout.close()


def _runs(process: psutil.Process) -> bool:
    """Whether it does; what has ended and waits for the system to take note of it does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def config_of(file: Path, folder: Path, **changed: Any) -> Path:
    """A copy in `folder` with other arguments of the application."""
    document = yaml.safe_load(file.read_text())
    document["applications"][0]["args"] |= changed
    path = folder / "serve_config.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def _start(config: Path, port: int) -> subprocess.Popen[str]:
    command = str(Path(sys.executable).with_name("quantroute"))
    return subprocess.Popen(
        [command, "serve", str(config), "--port", str(port)],
        cwd=REPOSITORY,
        env={**os.environ, "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _read(fleet: Fleet, lines: queue.Queue[str]) -> None:
    assert fleet.process.stdout is not None
    for line in fleet.process.stdout:
        fleet.output.append(line)
        lines.put(line)


def _wait_until_ready(fleet: Fleet, lines: queue.Queue[str]) -> None:
    until = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < until:
        try:
            if "ready after" in lines.get(timeout=1):
                return
        except queue.Empty:
            if fleet.process.poll() is not None:
                break
    raise AssertionError("the fleet did not become ready:\n" + "".join(fleet.output))


def _mark(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(MARK)
    except psutil.Error:
        return None
