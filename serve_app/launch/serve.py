"""The life of `quantroute serve`: check, fetch, start, say when it is ready, stop cleanly."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import httpx2
import yaml
from rich.console import Console

from serve_app.launch.ray_process import ServeProcess, exposed_ports, port_is_taken, wait_until_free
from serve_app.launch.status import read_state
from serve_app.settings.config_file import ConfigFile

POLL_EVERY_S = 1.0
LOG_TAIL_LINES = 25


class LaunchError(Exception):
    """The fleet did not start. The text states why and what to do."""


class Interrupted(Exception):
    """The user asked to stop."""


def run_fleet(
    config: ConfigFile,
    *,
    port: int,
    ready_timeout_s: float,
    console: Console,
    when_ready: Callable[[str], None],
) -> None:
    """Runs the fleet until it is interrupted. Raises `LaunchError`.

    `when_ready` gets the address as soon as it answers, before anything is printed about it.
    """
    if port_is_taken(port):
        raise LaunchError(f"port {port} is in use; stop what listens there or set PORT to another")
    with tempfile.TemporaryDirectory(prefix="quantroute-") as folder, _interruptible():
        options = {**(config.raw.get("http_options") or {}), "port": port}
        on_port = Path(folder) / config.path.name
        on_port.write_text(yaml.safe_dump({**config.raw, "http_options": options}))
        process = ServeProcess(
            on_port,
            working_folder=config.path.resolve().parent,
            run_folder=Path(folder),
            inherited=os.environ,
            drain_s=config.args.drain_s(config.args.ingress),
        )
        started_s = time.monotonic()
        try:
            process.start()
            _wait_until_ready(process, port, started_s + ready_timeout_s, console)
            took_s = time.monotonic() - started_s
            when_ready(f"http://127.0.0.1:{port}")
            console.print(_banner(config, port, took_s), soft_wrap=True)
            _warn_of_exposure(process, console)
            while process.exit_code is None:
                time.sleep(POLL_EVERY_S)
            raise LaunchError(f"Ray Serve ended with {process.exit_code}:\n{_tail(process)}")
        except Interrupted:
            console.print("stopping ...")
        finally:
            process.stop()
            wait_until_free(port, timeout_s=10)
    console.print("stopped; no process and no port is left")


@contextmanager
def _interruptible() -> Iterator[None]:
    """Turns SIGINT and SIGTERM into one `Interrupted`; further ones do not disturb the stop."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        for number in caught:
            signal.signal(number, signal.SIG_IGN)
        raise Interrupted

    caught = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, interrupt) for number in caught}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait_until_ready(process: ServeProcess, port: int, until_s: float, console: Console) -> None:
    """Shows the deployments coming up until the address answers. Raises `LaunchError`."""
    shown: dict[str, str] = {}
    with httpx2.Client() as client, console.status("starting Ray ...") as status:
        while time.monotonic() < until_s:
            if process.exit_code is not None:
                raise LaunchError(f"Ray Serve ended with {process.exit_code}:\n{_tail(process)}")
            state = read_state(process.dashboard) if process.dashboard else None
            if state is not None:
                for deployment in state.deployments:
                    if shown.get(deployment.name) != deployment.status:
                        shown[deployment.name] = deployment.status
                        console.print(f"  {deployment.name}: {deployment.status.lower()}")
                loading = [each for each in state.deployments if each.status != "HEALTHY"]
                if state.failed:
                    causes = [state.message, *(f"{each.name}: {each.message}" for each in loading)]
                    text = "\n".join(["the application did not start:", *causes, _tail(process)])
                    raise LaunchError(text)
                if state.running:
                    with suppress(httpx2.TransportError):
                        address = f"http://127.0.0.1:{port}/ready"
                        if client.get(address, timeout=2.0).status_code == 200:
                            return
                count = len(state.deployments)
                status.update(
                    f"{count - len(loading)} of {count} deployments are up; "
                    f"an engine takes about a minute to load ..."
                )
            time.sleep(POLL_EVERY_S)
    raise LaunchError(f"not ready in time; the end of the log:\n{_tail(process)}")


def _tail(process: ServeProcess) -> str:
    lines = process.log.read_text(errors="replace").splitlines()
    return "\n".join(lines[-LOG_TAIL_LINES:])


def _banner(config: ConfigFile, port: int, took_s: float) -> str:
    pairs = ", ".join(pair.id for pair in config.args.pairs)
    body = '{"model": "auto", "messages": [{"role": "user", "content": "What is 2 + 3?"}]}'
    address = f"http://127.0.0.1:{port}"
    return (
        f"\nready after {took_s:.0f} s: {address}\n"
        f"pairs: {pairs}\n"
        f"metrics: {address}/metrics\n\n"
        f"try:\n  curl -i {address}/v1/chat/completions \\\n"
        f"    -H 'content-type: application/json' \\\n    -d '{body}'\n\n"
        f"see what it does with a dozen requests:\n"
        f"  {Path(sys.executable).parent / 'quantroute'} demo --url {address}\n\n"
        f"Ctrl-C stops everything.\n"
    )


def _warn_of_exposure(process: ServeProcess, console: Console) -> None:
    """Ray and its proxy listen on all interfaces, regardless of the host setting."""
    by_process: dict[str, list[int]] = {}
    for port, name in exposed_ports(process.processes()):
        kind = "haproxy" if name == "haproxy" else "Ray"
        by_process.setdefault(kind, []).append(port)
    if by_process:
        listed = "; ".join(
            f"{name}: {', '.join(map(str, ports))}" for name, ports in sorted(by_process.items())
        )
        console.print(
            f"[yellow]Other machines can reach these ports, which Ray (guarded by a token of "
            f"this run) and its proxy (statistics) open on all interfaces: {listed}. Outside a "
            f"trusted network, put a firewall before them.[/]",
            soft_wrap=True,
        )
