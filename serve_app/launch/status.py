"""What Ray Serve reports of the application while it starts, through Ray's dashboard API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx2

from serve_app.launch.ray_process import Dashboard

APPLICATION = "quantroute"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentState:
    """One deployment: Serve's word for its state, and the replicas that run."""

    name: str
    status: str
    running: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationState:
    """The application: Serve's word for its state, and its deployments."""

    status: str
    message: str
    deployments: tuple[DeploymentState, ...]

    @property
    def failed(self) -> bool:
        return self.status in {"DEPLOY_FAILED", "UNHEALTHY"}

    @property
    def running(self) -> bool:
        return self.status == "RUNNING"


def read_state(dashboard: Dashboard, name: str = APPLICATION) -> ApplicationState | None:
    """The state now; `None` while the dashboard does not know the application yet."""
    try:
        reply = httpx2.get(
            f"http://{dashboard.address}/api/serve/applications/",
            headers={"authorization": f"Bearer {dashboard.token}"},
            timeout=5.0,
        )
    except httpx2.TransportError:
        return None
    if reply.status_code != 200:
        return None
    application = reply.json().get("applications", {}).get(name)
    return application_state(application) if application else None


def application_state(raw: dict[str, Any]) -> ApplicationState:
    """One application of the dashboard's answer."""
    return ApplicationState(
        status=raw["status"],
        message=raw.get("message") or "",
        deployments=tuple(
            DeploymentState(
                name=name,
                status=deployment["status"],
                running=sum(r["state"] == "RUNNING" for r in deployment.get("replicas", ())),
                message=deployment.get("message") or "",
            )
            for name, deployment in raw.get("deployments", {}).items()
        ),
    )
