"""An OpenAI-compatible endpoint that others run, found ready to be measured.

It shows neither its start nor its memory, and may be any engine.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2

from profiles.errors import EngineUnsuitable
from profiles.profiling.engine import (
    Endpoint,
    EngineReport,
    EngineSpec,
    Footprint,
    running_engine,
)
from profiles.profiling.router_address import refuse_router
from serve_app.settings.secrets import SecretMissing, resolved

PROBE_TIMEOUT_S = 120.0
SHOWS_NOTHING = EngineReport(kv_cache_bytes=0, kv_cache_tokens=None, weights_loaded_bytes=None)


@asynccontextmanager
async def running(spec: EngineSpec, log_path: Path) -> AsyncIterator[Endpoint]:
    """The pair's engine, ready: an endpoint, or as `running_engine` has it.

    Raises `ProfilingError`.
    """
    if spec.endpoint:
        yield await found_endpoint(spec)
        return
    async with running_engine(spec, log_path) as engine:
        yield engine


async def found_endpoint(spec: EngineSpec) -> Endpoint:
    """The endpoint at the pair's url, once it has answered. Raises `EngineUnsuitable`."""
    assert spec.url is not None
    parts = urlsplit(spec.url)
    url, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    model = spec.served_model or spec.pair.id
    try:
        key = None if spec.api_key is None else resolved(spec.api_key)
    except SecretMissing as exc:
        raise EngineUnsuitable(f"{spec.pair.id}.api_key: {exc}") from exc
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    try:
        async with httpx2.AsyncClient(
            base_url=url, headers=headers, timeout=PROBE_TIMEOUT_S
        ) as client:
            refuse_router(spec, spec.url, await client.get(f"{path}/models"))
            chat_only = not await _has_text_completions(client, path, model)
            if chat_only:
                await _ask_chat(client, path, model, spec.url)
            version = await _vllm_version(client)
    except httpx2.HTTPError as exc:
        raise EngineUnsuitable(
            f"no endpoint answers at {spec.url} ({type(exc).__name__}): start it, or correct the "
            f"pair's url"
        ) from exc
    return Endpoint(
        url=url,
        model=model,
        engine="endpoint" if version is None else "vllm",
        engine_version=version or "unknown",
        report=SHOWS_NOTHING,
        footprint=Footprint(cold_start_s=0.0, peak_bytes=lambda: 0, peak_of=spec.peak_of),
        path=path,
        chat_only=chat_only,
        api_key=key,
    )


async def _has_text_completions(client: httpx2.AsyncClient, path: str, model: str) -> bool:
    """Whether answers can be given a length, as the load of other engines has it."""
    body = {"model": model, "prompt": "Hello", "max_tokens": 1, "ignore_eos": True}
    response = await client.post(f"{path}/completions", json=body)
    refuse_key(response, path)
    return response.is_success


async def _ask_chat(client: httpx2.AsyncClient, path: str, model: str, url: str) -> None:
    body: dict[str, Any] = {"model": model, "max_tokens": 1}
    body["messages"] = [{"role": "user", "content": "Hello"}]
    response = await client.post(f"{path}/chat/completions", json=body)
    if not response.is_success:
        raise EngineUnsuitable(
            f"the endpoint at {url} answers a first request for model {model!r} with HTTP "
            f"{response.status_code}: check url and served_model"
        )


def refuse_key(response: httpx2.Response, path: str) -> None:
    """Raises `EngineUnsuitable` where the endpoint wants another key."""
    if response.status_code in (401, 403):
        raise EngineUnsuitable(
            f"the endpoint refuses the key (HTTP {response.status_code} at {path}): check api_key"
        )


async def _vllm_version(client: httpx2.AsyncClient) -> str | None:
    response = await client.get("/version")
    try:
        version = response.json()["version"] if response.is_success else None
    except (ValueError, LookupError, TypeError):
        return None
    return version if isinstance(version, str) else None
