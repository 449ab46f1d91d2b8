"""A Ray Serve fleet of its own for the time of a benchmark."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx2
import yaml

from serve_app.launch.ray_process import ServeProcess, free_port
from serve_app.launch.status import read_state

START_TIMEOUT_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchApp:
    """A Serve application to run; `probe` is a path that answers 200 once it is up."""

    name: str
    import_path: str
    route_prefix: str
    probe: str
    args: dict[str, Any]


def small_pair(name: str, *, max_concurrency: int) -> dict[str, Any]:
    """Arguments of a pair of the embedded fleet, for applications in which no engine starts."""
    return {
        "id": name,
        "model": "smollm2-135m-instruct",
        "checkpoint": name,
        "quantization": {"name": "bf16", "weight_bits": 16, "activations": "bf16"},
        "hardware": {"accelerator": "CPU", "count": 1, "usd_per_hour": 0.03},
        "context_window": 2048,
        "max_concurrency": max_concurrency,
    }


@contextmanager
def running(apps: Sequence[BenchApp]) -> Iterator[str]:
    """Yields the address of a local Ray Serve with `apps`, all answering; stops it at the end."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="quantroute-bench-") as folder:
        config = Path(folder) / "bench.yaml"
        document = {
            "proxy_location": "HeadOnly",
            "http_options": {"host": "127.0.0.1", "port": port, "request_timeout_s": 600},
            "applications": [
                {key: value for key, value in asdict(app).items() if key != "probe"} for app in apps
            ],
        }
        config.write_text(yaml.safe_dump(document))
        process = ServeProcess(
            config, working_folder=Path.cwd(), run_folder=Path(folder), inherited=os.environ
        )
        try:
            process.start()
            for app in apps:
                _wait_for(process, app.name, f"{address}{app.probe}")
            yield address
        finally:
            process.stop()


def _wait_for(process: ServeProcess, name: str, url: str) -> None:
    until = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < until:
        state = read_state(process.dashboard, name) if process.dashboard else None
        if process.exit_code is not None or (state is not None and state.failed):
            raise RuntimeError(f"Ray Serve failed: {state}\n{process.log.read_text()[-4000:]}")
        try:
            if httpx2.get(url, timeout=5.0).status_code == 200:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.5)
    raise RuntimeError(f"{url} did not answer:\n{process.log.read_text()[-4000:]}")
