"""A profiling run that is told to end takes its engine with it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

# Stands in for vLLM: says its pid, then loads for ever.
SERVER = """
import os, socket, time
with socket.create_connection(("127.0.0.1", int(os.environ["TOLD"]))) as connection:
    connection.sendall(str(os.getpid()).encode())
time.sleep(600)
"""
RUN = """
import asyncio, sys
from dataclasses import replace
from pathlib import Path
from profiles.profiling.profiler import profile_fleet
from profiles.profiling.progress import run_progress
from tests.profiles.samples import a_spec
from tests.profiles.profiling.runs import a_plan

folder = Path(sys.argv[1])
env = {"PYTHONPATH": str(folder / "stand-in"), "TOLD": sys.argv[2]}
spec = replace(a_spec(), env=env)
with run_progress(1) as progress:
    asyncio.run(profile_fleet([spec], a_plan(folder), progress=progress))
"""


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_no_engine_outlives_its_profiler(tmp_path: Path, ending: signal.Signals) -> None:
    package = tmp_path / "stand-in" / "vllm" / "entrypoints" / "openai"
    package.mkdir(parents=True)
    for folder in (package, package.parent, package.parent.parent):
        (folder / "__init__.py").touch()
    (package / "api_server.py").write_text(SERVER)
    with socket.create_server(("127.0.0.1", 0)) as told:
        told.settimeout(60)
        port = str(told.getsockname()[1])
        profiler = subprocess.Popen([sys.executable, "-c", RUN, str(tmp_path), port])
        connection, _ = told.accept()
        with connection:
            engine = psutil.Process(int(connection.recv(32)))

    profiler.send_signal(ending)

    assert profiler.wait(timeout=60) != 0
    psutil.wait_procs([engine], timeout=5)
    assert not engine.is_running()
    assert not list(tmp_path.rglob("*.lock"))
