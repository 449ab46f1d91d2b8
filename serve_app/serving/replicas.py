"""Watches how many replicas every pair has, as Ray Serve's controller reports."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType

from ray import serve
from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException
from ray.serve.schema import ApplicationStatus, DeploymentStatusOverview, ServeStatus

from serve_app.state.load import Replicas

# An answer takes this process 60 ms of its time: Ray describes its whole configuration.
POLL_EVERY_S = 2.0
RUNNING = "RUNNING"
STARTING = ("STARTING", "UPDATING", "RECOVERING")
# Ray Serve gave up on the first, and replicas of the second died. Each may still have replicas.
FAILED = ("DEPLOY_FAILED", "UNHEALTHY")

logger = logging.getLogger(__name__)


async def watch_replicas(
    app_name: str,
    maximum: Mapping[str, int],
    set_replicas: Callable[[Mapping[str, Replicas]], None],
    needed: Callable[[], bool] = lambda: True,
    *,
    applications: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Reports the replicas of each pair in `maximum` while they are `needed`, until cancelled.

    A pair is a deployment of `app_name`, or of its own application in `applications`. The last
    report stays in use while the controller does not answer.
    """
    while True:
        if not needed():
            await asyncio.sleep(POLL_EVERY_S)
            continue
        try:
            status = await asyncio.to_thread(serve.status)
            replicas = replicas_in(status, app_name, maximum, applications)
        except (RayError, RayServeException, KeyError) as exc:
            logger.warning("replica states unknown: %s", type(exc).__name__)
        else:
            set_replicas(replicas)
        await asyncio.sleep(POLL_EVERY_S)


def replicas_in(
    status: ServeStatus,
    app_name: str,
    maximum: Mapping[str, int],
    applications: Mapping[str, str],
) -> dict[str, Replicas]:
    """The replicas of each pair. Raises `KeyError` where Ray Serve does not know `app_name`."""
    own = status.applications[app_name].deployments
    replicas = {}
    for pair, limit in maximum.items():
        if pair in applications:
            replicas[pair] = replicas_of_application(status, applications[pair], pair, limit)
        elif pair in own:
            replicas[pair] = replicas_of(own[pair], limit)
    return replicas


def replicas_of_application(
    status: ServeStatus, application: str, pair: str, maximum: int
) -> Replicas:
    """The replicas of a pair in an application of its own, which may come and go."""
    found = status.applications.get(application)
    if found is None:
        why = "is not running"
    elif found.status == "DELETING":
        why = "is being deleted"
    elif pair not in found.deployments:
        why = f"has no deployment {pair!r} ({ApplicationStatus(found.status).value})"
    else:
        return replicas_of(found.deployments[pair], maximum)
    failure = f"application {application!r} {why}"
    return Replicas(ready=0, starting=0, maximum=maximum, failure=failure)


def replicas_of(status: DeploymentStatusOverview, maximum: int) -> Replicas:
    """Counts of one deployment's replicas, and how it failed if it has none and starts none.

    The failure is Ray's status with what triggered it. Ray's message holds a traceback, which is
    for the log and not for callers.
    """
    # Ray declares an enum of strings here and gives plain strings: both equal their text.
    counts: Counter[str] = Counter(status.replica_states)
    ready, starting = counts[RUNNING], sum(counts[state] for state in STARTING)
    failure = None
    if status.status in FAILED and not ready and not starting:
        failure = f"{status.status.value} ({status.status_trigger.value})"
    return Replicas(ready=ready, starting=starting, maximum=maximum, failure=failure)
