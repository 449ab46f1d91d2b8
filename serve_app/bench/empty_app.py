"""The platform's floor: a Starlette ingress and one handle call, nothing else."""

from __future__ import annotations

from typing import Any

from ray import serve
from ray.serve.deployment import Application
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from serve_app.serving.handles import Handle

OPTIONS: dict[str, Any] = {"max_ongoing_requests": 1024, "ray_actor_options": {"num_cpus": 0.1}}


class Echo:
    """Gives back what it got."""

    async def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        return body


class EmptyIngress:
    """Passes a JSON body to `Echo` and back."""

    def __init__(self, echo: Handle) -> None:
        self._echo = echo

    def __serve_build_asgi_app__(self) -> Starlette:
        async def answer(request: Request) -> JSONResponse:
            return JSONResponse(await self._echo.answer.remote(await request.json()))

        async def ready(_request: Request) -> JSONResponse:
            return JSONResponse({})

        routes = [Route("/answer", answer, methods=["POST"]), Route("/ready", ready)]
        return Starlette(routes=routes)


def build_app(_args: dict[str, Any]) -> Application:
    echo = serve.deployment(name="Echo", **OPTIONS)(Echo).bind()
    ingress = serve.ingress()(EmptyIngress)
    return serve.deployment(name="EmptyIngress", **OPTIONS)(ingress).bind(echo)
