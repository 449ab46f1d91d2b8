"""The router ingress: holds the ASGI application that `build` makes inside the replica."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ray import serve
from ray.serve.context import _get_global_client
from ray.serve.deployment import Application
from starlette.types import ASGIApp

from serve_app.serving.handles import Handle
from serve_app.settings.policy import INGRESS


class ReplicaApp(Protocol):
    """What an ingress replica runs: an ASGI application with work in the background."""

    @property
    def asgi(self) -> ASGIApp: ...

    def reconfigure(self, user_config: object) -> None:
        """Takes the deployment's `user_config`, at the start and when it changes. Never raises."""
        ...

    def check(self) -> None:
        """Raises when the background work has ended."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaContext:
    """Where an ingress replica runs, with handles to the deployments around it.

    `request_timeout_s` is when Ray Serve cuts a request off, `None` for never.
    """

    replica: str
    app_name: str
    pairs: Mapping[str, Handle]
    classifier: Handle
    fleet_actor: Handle | None
    request_timeout_s: float | None = None


class Ingress:
    """Delegates everything to the application that it holds."""

    def __init__(
        self,
        build: Callable[[ReplicaContext], ReplicaApp],
        pairs: dict[str, Handle],
        classifier: Handle,
        fleet_actor: Handle | None,
    ) -> None:
        context = serve.get_replica_context()
        self._app = build(
            ReplicaContext(
                replica=context.replica_id.unique_id,
                app_name=context.app_name,
                pairs=pairs,
                classifier=classifier,
                fleet_actor=fleet_actor,
                request_timeout_s=http_request_timeout_s(),
            )
        )

    def __serve_build_asgi_app__(self) -> ASGIApp:
        return self._app.asgi

    # On the event loop, like all else that changes the application.
    async def reconfigure(self, user_config: object) -> None:
        self._app.reconfigure(user_config)

    def check_health(self) -> None:
        self._app.check()


def http_request_timeout_s() -> float | None:
    """`request_timeout_s` of the `http_options` that Ray Serve was started with.

    No public call of Ray 2.60 tells a replica of them.
    """
    client = _get_global_client()
    timeout_s: float | None = None if client is None else client.http_config.request_timeout_s
    return timeout_s or None


def build_ingress(
    build: Callable[[ReplicaContext], ReplicaApp],
    *,
    pairs: Mapping[str, Application],
    classifier: Application,
    fleet_actor: Application | None,
    options: dict[str, Any],
) -> Application:
    """The Serve application node of the ingress, wired to the other deployments' nodes."""
    # Serve calls `reconfigure` for a configuration only. Without one of its own, a fleet file that
    # drops its `user_config` would change nothing.
    deployment = serve.deployment(name=INGRESS, user_config={}, **options)(serve.ingress()(Ingress))
    return deployment.bind(build, dict(pairs), classifier, fleet_actor)
