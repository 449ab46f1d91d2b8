"""What the fleet offers: models, liveness, readiness, metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from serve_app.core.errors import UnknownModel
from serve_app.core.inference_request import AUTO
from serve_app.state.status import FleetStatus

# OpenAI's schema wants a time of making; the router does not know a model's.
OPENAI_MODEL = {"id": "", "object": "model", "created": 0, "owned_by": "quantroute"}

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
    """`auto` and every pair, as OpenAI lists models, with what a pair is and where it is."""
    listed: list[dict[str, Any]] = [{"id": AUTO}]
    for held in status.pairs():
        pair = held.pair
        listed.append(
            {
                "id": pair.id,
                "model": pair.model,
                "quantization": pair.quantization.name,
                "context_window": pair.context_window,
                "accelerator": pair.hardware.accelerator,
                "accelerator_count": pair.hardware.count,
                "state": held.state,
                "profiled": held.profile_origin is not None,
                "profile_origin": held.profile_origin,
            }
        )
    return [OPENAI_MODEL | entry for entry in listed]
