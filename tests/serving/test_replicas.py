"""What Ray Serve reports of a deployment, as replicas."""

from __future__ import annotations

import pytest
from ray.serve.schema import (
    ApplicationStatusOverview,
    DeploymentStatus,
    DeploymentStatusOverview,
    DeploymentStatusTrigger,
    ReplicaState,
    ServeStatus,
)

from serve_app.serving.replicas import replicas_in, replicas_of
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


def fleet_status(**applications: ApplicationStatusOverview) -> ServeStatus:
    return ServeStatus(applications={"router": an_application(), **applications})


def an_application(
    status: str = "RUNNING", **deployments: DeploymentStatusOverview
) -> ApplicationStatusOverview:
    return ApplicationStatusOverview(
        status=status, message="", last_deployed_time_s=0.0, deployments=deployments
    )


RUNNING = reported("HEALTHY", RUNNING=2)


def test_a_pair_is_a_deployment_of_the_router_or_of_its_own_application() -> None:
    status = ServeStatus(
        applications={
            "router": an_application(inside=reported("HEALTHY", RUNNING=1), other=RUNNING),
            "own": an_application(outside=RUNNING),
        }
    )
    assert replicas_in(status, "router", {"inside": 1, "outside": 3}, {"outside": "own"}) == {
        "inside": Replicas(ready=1, starting=0, maximum=1),
        "outside": Replicas(ready=2, starting=0, maximum=3),
    }


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (fleet_status(), "application 'own' is not running"),
        (
            fleet_status(own=an_application("DEPLOYING")),
            "application 'own' has no deployment 'outside' (DEPLOYING)",
        ),
        (
            fleet_status(own=an_application("DEPLOY_FAILED")),
            "application 'own' has no deployment 'outside' (DEPLOY_FAILED)",
        ),
        (
            fleet_status(own=an_application("DELETING", outside=RUNNING)),
            "application 'own' is being deleted",
        ),
        (
            fleet_status(own=an_application(another=RUNNING)),
            "application 'own' has no deployment 'outside' (RUNNING)",
        ),
        (fleet_status(own=an_application(outside=reported("DEPLOY_FAILED"))), GIVEN_UP),
    ],
    ids=("absent", "being built", "failed to build", "being deleted", "another", "no replica"),
)
def test_a_pair_whose_application_is_not_there_has_failed_with_the_reason(
    status: ServeStatus, failure: str
) -> None:
    found = replicas_in(status, "router", {"outside": 1}, {"outside": "own"})
    assert found == {"outside": Replicas(ready=0, starting=0, maximum=1, failure=failure)}


def test_a_router_that_ray_serve_does_not_know_yet_learns_nothing() -> None:
    with pytest.raises(KeyError):
        replicas_in(ServeStatus(applications={}), "router", {"outside": 1}, {"outside": "own"})
