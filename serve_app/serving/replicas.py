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
    """Counts of one deployment's replicas."""
    # Ray declares an enum of strings here and gives plain strings: both equal their text.
    counts: Counter[str] = Counter(status.replica_states)
    return Replicas(
        ready=counts[RUNNING],
        starting=sum(counts[state] for state in STARTING),
        maximum=maximum,
    )
