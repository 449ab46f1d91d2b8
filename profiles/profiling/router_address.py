"""Keeps a profile from being measured through the router, whose own choices it would then show."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx2

from profiles.errors import EngineUnsuitable

if TYPE_CHECKING:
    from profiles.profiling.engine import EngineSpec

HEADERS = "x-quantroute-"
OWNER = "quantroute"
# Ray Serve's own, where the file sets none.
DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8000
HERE = frozenset({"localhost", "127.0.0.1", "0.0.0.0", "::", "::1", ""})
PORTS = {"http": 80, "https": 443}


def is_router_address(url: str, http_options: Mapping[str, Any]) -> bool:
    """Whether a router with these `http_options` of Ray Serve would answer at `url`."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)
    if port != (http_options.get("port") or DEFAULT_PORT):
        return False
    configured = str(http_options.get("host") or DEFAULT_HOST)
    here = {*HERE, socket.gethostname().lower()}
    return host == configured or (host in here and configured in here)


def refuse_router(spec: EngineSpec, url: str, models: httpx2.Response) -> None:
    """Raises `EngineUnsuitable` where a router answers at `url`, by its list of `models`.

    An engine that has the address that the fleet file gives the router is accepted if it lists
    models as an engine does: the router may not run while its pairs are measured.
    """
    owners = _owners(models)
    marked = any(name.lower().startswith(HEADERS) for name in models.headers)
    if marked or OWNER in owners or (spec.at_router and not owners):
        raise EngineUnsuitable(
            f"a quantroute router answers at {url}, and would choose who is measured: give the "
            f"address of the engine of {spec.pair.id!r} itself"
        )


def _owners(models: httpx2.Response) -> list[str]:
    """Who owns each listed model. Empty for what is no list of models."""
    try:
        listed = models.json()["data"]
        return [str(model.get("owned_by", "")) for model in listed]
    except (ValueError, LookupError, TypeError, AttributeError):
        return []
