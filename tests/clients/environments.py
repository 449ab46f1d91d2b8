"""The environments of the client programs: made once, and kept in the cache folder.

Each is named after what it is made of, so another version of a client is another environment.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from serve_app.settings import home
from tests.paths import REPOSITORY

CLIENTS = REPOSITORY / "tests" / "clients"
PROGRAMS = CLIENTS / "programs"
NODE = CLIENTS / "node"
CACHE = home() / "clients"
# Written last: an environment without it was not finished.
WHOLE = "whole"
INSTALL_S = 900
RUN_S = 300


def python_command() -> list[str]:
    """The interpreter of an environment with the Python clients. Skips without a way to make it."""
    if given := os.environ.get("QUANTROUTE_CLIENTS_PYTHON"):
        return [given]
    requirements = CLIENTS / "requirements.txt"
    folder = CACHE / f"python-{_digest(requirements.read_bytes(), sys.version.encode())}"
    interpreter = folder / "bin" / "python"
    if not (folder / WHOLE).exists():
        _run([sys.executable, "-m", "venv", "--clear", str(folder)], "a virtual environment")
        pip = [str(interpreter), "-m", "pip", "install", "--quiet", "-r", str(requirements)]
        _run(pip, "the Python clients (needs a package index)")
        (folder / WHOLE).touch()
    return [str(interpreter)]


def node_folder() -> Path:
    """A folder with the programs and their packages. Skips without Node or a way to make it."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed; install Node.js 20 or newer to test with it")
    packages = (NODE / "package.json").read_bytes()
    folder = CACHE / f"node-{_digest(packages)}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_bytes(packages)
    if not (folder / WHOLE).exists():
        npm = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder)]
        _run(npm, "the Node clients (needs a package registry)")
        (folder / WHOLE).touch()
    for program in NODE.glob("*.mjs"):
        shutil.copy(program, folder)
    return folder


def run_program(command: list[str]) -> None:
    """Runs a client program. Fails with all that it wrote."""
    # LiteLLM would ask the network for prices.
    environment = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=RUN_S, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def python_program(name: str, url: str, *arguments: str) -> None:
    """Runs one of the Python programs on the router at `url`."""
    run_program([*python_command(), str(PROGRAMS / f"{name}.py"), url, *arguments])


def own_python_program(name: str, url: str, *arguments: str) -> None:
    """The same with the SDKs that vLLM brings, which are newer."""
    run_program([sys.executable, str(PROGRAMS / f"{name}.py"), url, *arguments])


def node_program(name: str, url: str, *arguments: str) -> None:
    """Runs one of the Node programs on the router at `url`."""
    run_program(["node", str(node_folder() / f"{name}.mjs"), url, *arguments])


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _run(command: list[str], what: str) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=INSTALL_S, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"{what} could not be installed within {INSTALL_S} s")
    if done.returncode:
        pytest.skip(f"{what} could not be installed: {done.stderr[-400:]}")
