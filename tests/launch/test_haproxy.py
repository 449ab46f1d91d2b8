"""What HAProxy answers by itself has OpenAI's shape."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator

import httpx2
import pytest

from serve_app.launch.haproxy import HEADER_LIMIT_BYTES, write_haproxy
from serve_app.launch.ray_process import free_port, port_is_taken
from tests.waiting import eventually

# As Ray writes it, with a backend that nobody serves.
CONFIG = """global
    stats socket {folder}/admin.sock mode 666 level admin
    tune.bufsize {bufsize}
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 5s
    errorfile 503 {folder}/ray.http
frontend http
    bind 127.0.0.1:{port}
    default_backend ingress
backend ingress
    server gone 127.0.0.1:{nobody}
"""


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("a folder with spaces")
    (folder / "ray.http").write_text("HTTP/1.1 500 Internal Server Error\r\n\r\n", newline="")
    port = free_port()
    config = folder / "haproxy.cfg"
    text = CONFIG.replace("{folder}/admin.sock", f"/tmp/{os.getpid()}.sock").replace(
        "{folder}/ray.http", '"{folder}/ray.http"'
    )
    config.write_text(
        text.format(folder=folder, port=port, nobody=free_port(), bufsize=HEADER_LIMIT_BYTES)
    )
    command = [write_haproxy(folder), "-db", "-f", config]
    # Ray starts it again for each reload, on a configuration that it may have written before.
    for last in (False, True):
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        eventually(lambda: port_is_taken(port))
        if last:
            yield port
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) is not None
        assert process.stderr is not None
        process.stderr.close()


def test_a_missing_ingress_is_overloaded_and_says_when_to_return(port: int) -> None:
    reply = httpx2.get(f"http://127.0.0.1:{port}/v1/models")
    assert reply.status_code == 503
    assert reply.headers["retry-after"] == "1"
    assert reply.json()["error"]["code"] == "overloaded"


def test_a_header_of_17_kilobytes_passes(port: int) -> None:
    reply = httpx2.get(f"http://127.0.0.1:{port}/v1/models", headers={"x-long": "x" * 17_000})
    assert reply.status_code == 503
