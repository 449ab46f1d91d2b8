"""A run of Ray is recognised by what it prints and by the mark that its processes carry."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from serve_app.launch.ray_process import MARK, ServeProcess, exposed_ports, port_is_taken


def a_process(folder: Path) -> ServeProcess:
    return ServeProcess(folder / "c.yaml", working_folder=folder, run_folder=folder, inherited={})


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server


def test_the_dashboard_is_found_between_colour_codes(tmp_path: Path) -> None:
    process = a_process(tmp_path)
    process.log.write_text(
        "Started a local Ray instance. View the dashboard at "
        "\x1b[1m\x1b[32mhttp://127.0.0.1:8266 \x1b[39m\x1b[22m\n"
    )
    assert process.dashboard is not None
    assert process.dashboard.address == "127.0.0.1:8266"


def test_before_ray_has_started_there_is_no_dashboard(tmp_path: Path) -> None:
    process = a_process(tmp_path)
    process.log.write_text("Running config file\n")
    assert process.dashboard is None


def test_stopping_ends_a_process_that_ray_left_behind(tmp_path: Path) -> None:
    process = a_process(tmp_path)
    orphan = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"],
        env={**os.environ, MARK: process.mark},
        start_new_session=True,
    )
    try:
        process.stop()
        assert not psutil.pid_exists(orphan.pid)
    finally:
        orphan.kill()


def test_a_process_of_another_run_is_left_alone(tmp_path: Path) -> None:
    process = a_process(tmp_path)
    assert psutil.Process() not in process.processes()


def test_a_loopback_listener_is_not_called_exposed(listener: socket.socket) -> None:
    exposed = exposed_ports([psutil.Process()])
    assert listener.getsockname()[1] not in [port for port, _ in exposed]


def test_a_port_is_taken_while_somebody_listens(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    assert port_is_taken(port)
    listener.close()
    assert not port_is_taken(port)
