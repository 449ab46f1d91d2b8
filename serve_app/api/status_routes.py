"""What the fleet offers: models, liveness, readiness, metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from serve_app.core.errors import UnknownModel
from serve_app.core.fleet import Pair
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
    """All that a request may name, as OpenAI lists models: `auto`, models, and pairs.

    A model with the name of a pair is that pair. The `max_model_len` of several pairs is that of
    the longest context, because a request goes where it fits.
    """
    held_pairs = status.pairs()
    # `auto` generates where the request does not ask for embeddings.
    windows = [held.pair.context_window for held in held_pairs if held.pair.serves == "generate"]
    longest = max(windows, default=None)
    listed: list[dict[str, Any]] = [{"id": AUTO, "max_model_len": longest}]
    by_model: dict[str, list[Pair]] = {}
    for held in held_pairs:
        by_model.setdefault(held.pair.model, []).append(held.pair)
    ids = {AUTO, *(held.pair.id for held in held_pairs)}
    listed += [
        {
            "id": model,
            "max_model_len": max(pair.context_window for pair in pairs),
            "pairs": [pair.id for pair in pairs],
        }
        for model, pairs in sorted(by_model.items())
        if model not in ids
    ]
    for held in held_pairs:
        pair = held.pair
        listed.append(
            {
                "id": pair.id,
                "model": pair.model,
                "quantization": pair.quantization.name,
                "max_model_len": pair.context_window,
                "accelerator": pair.hardware.accelerator,
                "accelerator_count": pair.hardware.count,
                "serves": pair.serves,
                "state": held.state,
                "profiled": held.profile_origin is not None,
                "profile_origin": held.profile_origin,
            }
        )
    return [OPENAI_MODEL | entry for entry in listed]
