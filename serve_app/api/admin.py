"""Read-only views of what this ingress replica knows, and `/v1/route`, which explains."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from serve_app.api.request_reader import receive_inference_request
from serve_app.core.decision import Decision
from serve_app.core.policy import Policy, PublishedPolicy
from serve_app.core.profile import Profile
from serve_app.gateway.gateway import Gateway
from serve_app.settings import IngressSettings
from serve_app.state.breakers import BreakerStatus
from serve_app.state.ledger import Account
from serve_app.tokens.ratio import TokenRatio

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogView:
    """The catalog in use. `refused` is why the store's active one is not, if so."""

    version: str | None
    policy_version: str | None
    refused: str | None
    profiles: Mapping[str, Profile]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyView:
    """The policy in use. `published` is what the store's states, over the fleet file's.

    `version` is the publication that brought it, `None` where the fleet file's policy holds.
    """

    version: str | None
    refused: str | None
    switched_off: tuple[str, ...]
    published: PublishedPolicy | None
    in_use: Policy


CATALOG = TypeAdapter(CatalogView)
POLICY = TypeAdapter(PolicyView)
DECISION = TypeAdapter(Decision)
DECISIONS = TypeAdapter(tuple[Decision, ...])
BREAKERS = TypeAdapter(Mapping[str, BreakerStatus])
ACCOUNT = TypeAdapter(Account)
TOKEN_RATIOS = TypeAdapter(Mapping[str, TokenRatio])


def route_endpoint(gateway: Gateway, settings: IngressSettings, replica: str) -> Route:
    """`POST /v1/route`: the whole Decision of a request, which no model gets."""

    async def route(request: Request) -> Response:
        inference_request = await receive_inference_request(
            request, settings, gateway.snapshot, gateway.clock
        )
        routing = await gateway.explain(inference_request)
        headers = {
            "x-quantroute-overhead-ms": f"{routing.overhead_ms:.3f}",
            "x-quantroute-replica": replica,
        }
        return _json(DECISION.dump_json(routing.decision), headers)

    return Route("/v1/route", route, methods=["POST"])


def admin_routes(gateway: Gateway) -> list[Route]:
    def catalog() -> CatalogView:
        current = gateway.status.catalog()
        return CatalogView(
            version=None if current is None else current.version,
            policy_version=gateway.snapshot().policy.version,
            refused=gateway.status.catalog_refusal(),
            profiles={} if current is None else dict(current.profiles),
        )

    def policy() -> PolicyView:
        snapshot = gateway.snapshot()
        return PolicyView(
            version=snapshot.policy.version,
            refused=gateway.status.catalog_refusal(),
            switched_off=tuple(sorted(snapshot.policy.switched_off)),
            published=None if snapshot.catalog is None else snapshot.catalog.policy,
            in_use=snapshot.policy,
        )

    return [
        _view("/admin/catalog", CATALOG, catalog),
        _view("/admin/policy", POLICY, policy),
        _view("/admin/decisions", DECISIONS, gateway.recent_decisions),
        _view("/admin/breakers", BREAKERS, gateway.status.breakers),
        _view("/admin/cost", ACCOUNT, gateway.ledger.account),
        _view("/admin/tokens", TOKEN_RATIOS, gateway.catalog.token_calibration),
    ]


def _view(path: str, form: TypeAdapter[T], read: Callable[[], T]) -> Route:
    async def view(_: Request) -> Response:
        return _json(form.dump_json(read()))

    return Route(path, view)


def _json(body: bytes, headers: Mapping[str, str] | None = None) -> Response:
    return Response(body, media_type="application/json", headers=headers)
