"""The load of the whole fleet, in one place for all ingress replicas.

Each replica knows only the requests that it sent itself. It reports them here, and gets the sum of
the others. So a decision sees the load of the whole fleet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from serve_app.state.load import Replicas

FORGET_AFTER_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetUpdate:
    """What one ingress replica learns of the rest of the fleet.

    `peers_in_flight` counts requests by pair, over all other ingress replicas. `replicas` is
    `None` until the replicas of the pairs are known.
    """

    peers_in_flight: Mapping[str, int]
    replicas: Mapping[str, Replicas] | None


class FleetLoad:
    """The counts of every ingress replica that reported lately, and the replicas of each pair."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._reported: dict[str, tuple[float, Mapping[str, int]]] = {}
        self._replicas: Mapping[str, Replicas] | None = None

    def set_replicas(self, replicas: Mapping[str, Replicas]) -> None:
        self._replicas = replicas

    def exchange(self, replica: str, in_flight: Mapping[str, int]) -> FleetUpdate:
        """Takes the requests in flight of `replica`, by pair, and returns what the others sent."""
        now_s = self._now()
        self._reported[replica] = (now_s, in_flight)
        total: Counter[str] = Counter()
        for other, (reported_s, counts) in list(self._reported.items()):
            if now_s - reported_s > FORGET_AFTER_S:
                del self._reported[other]
            elif other != replica:
                total.update(counts)
        return FleetUpdate(peers_in_flight=dict(total), replicas=self._replicas)
