"""Read-only views of what this ingress replica knows, and `/v1/route`, which explains."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from serve_app.api.middleware import request_id_of
from serve_app.api.request_reader import (
    operation_of,
    parse_object,
    read_body,
    read_inference_request,
)
from serve_app.core.breaker import Breaker
from serve_app.core.decision import Decision
from serve_app.core.profile import Profile
from serve_app.gateway.gateway import Gateway
from serve_app.settings import IngressSettings
from serve_app.state.ledger import Account
from serve_app.tokens.ratio import TokenRatio

DECISION = TypeAdapter(Decision)
DECISIONS = TypeAdapter(tuple[Decision, ...])
PROFILES = TypeAdapter(Mapping[str, Profile])
BREAKERS = TypeAdapter(Mapping[str, Breaker])
ACCOUNT = TypeAdapter(Account)
TOKEN_RATIOS = TypeAdapter(Mapping[str, TokenRatio])


def route_endpoint(gateway: Gateway, settings: IngressSettings, replica: str) -> Route:
    """`POST /v1/route`: the whole Decision of a request, which no model gets."""

    async def route(request: Request) -> Response:
        body = parse_object(await read_body(request, settings.body_limit_bytes))
        inference_request = read_inference_request(
            body,
            request.headers.raw,
            operation=operation_of(body),
            defaults=gateway.default_constraints,
            request_id=request_id_of(request.scope),
        )
        routing = await gateway.explain(inference_request)
        headers = {
            "x-quantroute-overhead-ms": f"{routing.overhead_ms:.3f}",
            "x-quantroute-replica": replica,
        }
        return _json(DECISION.dump_json(routing.decision), headers)

    return Route("/v1/route", route, methods=["POST"])


def admin_routes(gateway: Gateway) -> list[Route]:
    async def catalog(_: Request) -> Response:
        current = gateway.status.catalog()
        if current is None:
            return _json(b'{"version":null,"profiles":{}}')
        version = TypeAdapter(str).dump_json(current.version)
        profiles = PROFILES.dump_json(dict(current.profiles))
        return _json(b'{"version":' + version + b',"profiles":' + profiles + b"}")

    async def decisions(_: Request) -> Response:
        return _json(DECISIONS.dump_json(gateway.recent_decisions()))

    async def breakers(_: Request) -> Response:
        return _json(BREAKERS.dump_json(gateway.status.breakers()))

    async def cost(_: Request) -> Response:
        return _json(ACCOUNT.dump_json(gateway.ledger.account()))

    async def tokens(_: Request) -> Response:
        return _json(TOKEN_RATIOS.dump_json(gateway.catalog.token_calibration()))

    return [
        Route("/admin/catalog", catalog),
        Route("/admin/decisions", decisions),
        Route("/admin/breakers", breakers),
        Route("/admin/cost", cost),
        Route("/admin/tokens", tokens),
    ]


def _json(body: bytes, headers: Mapping[str, str] | None = None) -> Response:
    return Response(body, media_type="application/json", headers=headers)
