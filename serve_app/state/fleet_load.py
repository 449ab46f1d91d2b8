"""The load of the whole fleet and how its attempts end, in one place for all ingress replicas.

Each replica knows only the requests that it sent itself. It reports them here, and gets what the
others sent. So a decision sees the load of the whole fleet, and a breaker its failures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from serve_app.state.load import Replicas
from serve_app.state.outcomes import Outcomes

FORGET_AFTER_S = 2.0
NO_OUTCOMES = Outcomes()


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetUpdate:
    """What one ingress replica learns of the rest of the fleet.

    `peers_in_flight` counts requests by pair, over all other ingress replicas. `replicas` is
    `None` until the replicas of the pairs are known. `peers_outcomes` is by ingress replica.
    """

    peers_in_flight: Mapping[str, int]
    replicas: Mapping[str, Replicas] | None
    peers_outcomes: Mapping[str, Outcomes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Report:
    reported_s: float
    in_flight: Mapping[str, int]
    outcomes: Outcomes


class FleetLoad:
    """The counts of every ingress replica that reported lately, and the replicas of each pair."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._reported: dict[str, _Report] = {}
        self._replicas: Mapping[str, Replicas] | None = None

    def set_replicas(self, replicas: Mapping[str, Replicas]) -> None:
        self._replicas = replicas

    def exchange(
        self, replica: str, in_flight: Mapping[str, int], outcomes: Outcomes = NO_OUTCOMES
    ) -> FleetUpdate:
        """Takes what `replica` reports, the requests in flight by pair, and returns the others'."""
        now_s = self._now()
        self._reported[replica] = _Report(now_s, in_flight, outcomes)
        total: Counter[str] = Counter()
        peers: dict[str, Outcomes] = {}
        for other, report in list(self._reported.items()):
            if now_s - report.reported_s > FORGET_AFTER_S:
                del self._reported[other]
            elif other != replica:
                total.update(report.in_flight)
                peers[other] = report.outcomes
        return FleetUpdate(
            peers_in_flight=dict(total), replicas=self._replicas, peers_outcomes=peers
        )
