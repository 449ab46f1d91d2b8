"""What Ray Serve reports of a deployment, as replicas."""

from __future__ import annotations

import pytest
from ray.serve.schema import (
    DeploymentStatus,
    DeploymentStatusOverview,
    DeploymentStatusTrigger,
    ReplicaState,
)

from serve_app.serving.replicas import replicas_of
from serve_app.state.load import Replicas

GIVEN_UP = "DEPLOY_FAILED (REPLICA_STARTUP_FAILED)"


def reported(status: str, **replicas: int) -> DeploymentStatusOverview:
    trigger = "REPLICA_STARTUP_FAILED" if status == "DEPLOY_FAILED" else "HEALTH_CHECK_FAILED"
    return DeploymentStatusOverview(
        status=DeploymentStatus(status),
        status_trigger=DeploymentStatusTrigger(trigger),
        replica_states={ReplicaState(state): count for state, count in replicas.items()},
        message="Traceback (most recent call last): ...",
    )


def test_replicas_on_their_way_are_told_from_those_that_answer() -> None:
    status = reported("HEALTHY", RUNNING=2, STARTING=1, RECOVERING=1, STOPPING=4)

    assert replicas_of(status, 4) == Replicas(ready=2, starting=2, maximum=4)


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (reported("DEPLOY_FAILED"), GIVEN_UP),
        (reported("DEPLOY_FAILED", STOPPING=1), GIVEN_UP),
        (reported("UNHEALTHY"), "UNHEALTHY (HEALTH_CHECK_FAILED)"),
        (reported("HEALTHY"), None),
        (reported("UPDATING"), None),
        (reported("UNHEALTHY", STARTING=1), None),
        (reported("DEPLOY_FAILED", RUNNING=1), None),
    ],
    ids=(
        *("given up", "its last replica stops", "its replicas died"),
        *("scaled to zero", "not yet started", "starts another", "an earlier version serves"),
    ),
)
def test_a_deployment_has_failed_when_it_has_no_replica_and_starts_none(
    status: DeploymentStatusOverview, failure: str | None
) -> None:
    assert replicas_of(status, 1).failure == failure
