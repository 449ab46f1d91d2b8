"""What Ray Serve says of the application while it starts, through Ray's dashboard API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import requests
from ray.dashboard.modules.serve.sdk import ServeSubmissionClient

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


def read_state(dashboard: str) -> ApplicationState | None:
    """The state now; `None` while the dashboard does not know the application yet.

    Ray's own client is asked, since the dashboard wants the cluster's token.
    """
    try:
        details = ServeSubmissionClient(f"http://{dashboard}").get_serve_details()
    except (ConnectionError, RuntimeError, requests.RequestException):
        return None
    application = details.get("applications", {}).get(APPLICATION)
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
