"""What the fleet offers: models, liveness, readiness, metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from serve_app.core.errors import UnknownModel
from serve_app.core.inference_request import AUTO
from serve_app.state.status import FleetStatus, PairStatus

# OpenAI's schema wants a time of making; the router does not know a model's.
CREATED_UNKNOWN = 0
OWNER = "quantroute"

Exposition = Callable[[], tuple[bytes, str]]


def fleet_routes(status: FleetStatus, exposition: Exposition) -> list[Route]:
    async def models(_: Request) -> Response:
        return JSONResponse({"object": "list", "data": _models(status)})

    async def model(request: Request) -> Response:
        wanted = request.path_params["model"]
        listed = {entry["id"]: entry for entry in _models(status)}
        if wanted not in listed:
            raise UnknownModel(wanted, tuple(listed))
        return JSONResponse(listed[wanted])

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def ready(_: Request) -> Response:
        readiness = status.readiness()
        if readiness.ready:
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "not ready", "reasons": list(readiness.reasons)}, 503)

    async def metrics(_: Request) -> Response:
        body, content_type = exposition()
        return Response(body, headers={"content-type": content_type})

    return [
        Route("/v1/models", models),
        Route("/v1/models/{model:path}", model),
        Route("/health", health),
        Route("/ready", ready),
        Route("/metrics", metrics),
    ]


def _models(status: FleetStatus) -> list[dict[str, Any]]:
    return [_entry(AUTO), *(_pair_entry(pair) for pair in status.pairs())]


def _entry(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": CREATED_UNKNOWN, "owned_by": OWNER}


def _pair_entry(status: PairStatus) -> dict[str, Any]:
    pair = status.pair
    return {
        **_entry(pair.id),
        "model": pair.model,
        "quantization": pair.quantization.name,
        "context_window": pair.context_window,
        "accelerator": pair.hardware.accelerator,
        "accelerator_count": pair.hardware.count,
        "state": status.state,
        "profiled": status.profile_origin is not None,
        "profile_origin": status.profile_origin,
    }
