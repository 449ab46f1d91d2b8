"""The HTTP application: a list of routes and a list of middleware around a gateway."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect

from serve_app.api.admin import admin_routes, route_endpoint
from serve_app.api.errors import on_bug, on_client_disconnect, on_http_exception, on_router_error
from serve_app.api.feedback_routes import estimates_route, feedback_route
from serve_app.api.middleware import (
    ForwardedMiddleware,
    RequestIdMiddleware,
    TrailingSlashMiddleware,
)
from serve_app.api.openai_routes import inference_routes
from serve_app.api.status_routes import Exposition, fleet_routes
from serve_app.api.time_limit import BodyTimeoutMiddleware
from serve_app.core.errors import RouterError
from serve_app.feedback.collector import Feedback
from serve_app.gateway.gateway import Gateway
from serve_app.settings import IngressSettings

Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


def create_app(
    gateway: Gateway,
    feedback: Feedback,
    *,
    settings: IngressSettings,
    replica: str,
    exposition: Exposition,
    lifespan: Lifespan | None = None,
    answer_request_id: bool = True,
) -> Starlette:
    """The application of one ingress `replica`, which its answers name.

    `answer_request_id` is off where the server around the application adds `x-request-id`.
    `exposition` gives metrics as text with its content type; `lifespan` runs what feeds them.
    """
    middleware = [Middleware(RequestIdMiddleware, answer=answer_request_id)]
    if settings.cors_origins:
        middleware.append(
            Middleware(
                CORSMiddleware,
                allow_origins=settings.cors_origins,
                allow_methods=("GET", "POST"),
                allow_headers=("*",),
                expose_headers=("*",),
            )
        )
    middleware += [Middleware(TrailingSlashMiddleware), Middleware(ForwardedMiddleware)]
    if gateway.longest_answer_ms is not None:
        limit_s = gateway.longest_answer_ms / 1e3
        middleware.append(Middleware(BodyTimeoutMiddleware, limit_s=limit_s))
    return Starlette(
        routes=[
            *inference_routes(gateway, settings, replica),
            route_endpoint(gateway, settings, replica),
            feedback_route(feedback, settings, replica),
            estimates_route(feedback),
            *fleet_routes(gateway.status, exposition),
            *admin_routes(gateway),
        ],
        middleware=middleware,
        exception_handlers={
            RouterError: on_router_error,
            HTTPException: on_http_exception,
            ClientDisconnect: on_client_disconnect,
            Exception: on_bug,
        },
        lifespan=lifespan,
    )
