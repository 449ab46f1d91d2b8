"""Watches how many replicas every pair has, as Ray Serve's controller reports."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping

from ray import serve
from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException
from ray.serve.schema import DeploymentStatusOverview

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
) -> None:
    """Reports the replicas of each pair in `maximum` while they are `needed`, until cancelled.

    The last report stays in use while the controller does not answer.
    """
    while True:
        if not needed():
            await asyncio.sleep(POLL_EVERY_S)
            continue
        try:
            status = await asyncio.to_thread(serve.status)
            deployments = status.applications[app_name].deployments
        except (RayError, RayServeException, KeyError) as exc:
            logger.warning("replica states unknown: %s", type(exc).__name__)
        else:
            set_replicas(
                {
                    pair: replicas_of(deployments[pair], limit)
                    for pair, limit in maximum.items()
                    if pair in deployments
                }
            )
        await asyncio.sleep(POLL_EVERY_S)


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
