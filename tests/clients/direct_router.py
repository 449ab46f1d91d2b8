"""A router with one vLLM engine, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from profiles.checkpoints import ensure
from serve_app.settings import home
from tests.paths import REPOSITORY

W8A8 = "smollm2-135m-instruct-w8a8"
ENGINE = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "OMP_NUM_THREADS": "1",
    "TORCH_COMPILE_DISABLE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
    "PYTHONPATH": str(REPOSITORY),
}


@contextmanager
def direct_router(folder: Path, *arguments: str) -> Iterator[str]:
    """The address of a router with an engine of its own."""
    checkpoint, address, log = ensure([W8A8], root=home())[W8A8], folder / "address", folder / "log"
    command = [sys.executable, "-m", "tests.clients.direct_app", str(checkpoint), str(address)]
    with (
        log.open("w") as output,
        subprocess.Popen(
            [*command, *arguments],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **ENGINE},
        ) as process,
    ):
        assert process.stdin is not None
        try:
            while not address.exists():
                assert process.poll() is None, log.read_text()[-4000:]
                time.sleep(0.2)
            yield address.read_text()
        finally:
            # It ends with its input.
            process.stdin.close()
