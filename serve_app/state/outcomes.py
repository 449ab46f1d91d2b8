"""How attempts ended at each ingress replica, in a form that all of them can share.

Each ingress replica reports totals since its start, which only grow. A peer takes the increase
since the totals that it saw last. So a report may be lost, repeated or late, and no clock is
compared with another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from serve_app.core.ports import Clock

# A pair, and one of its replicas where it is known.
Place = tuple[str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Increase:
    """What ended at one place. `run` failures came after the last success."""

    successes: int
    failures: int
    run: int

    def plus(self, other: Increase) -> Increase:
        """Both together. Which of them came last is not known."""
        return Increase(
            successes=self.successes + other.successes,
            failures=self.failures + other.failures,
            run=self.run + other.run,
        )


NOTHING = Increase(successes=0, failures=0, run=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """The totals of one ingress replica by place, and the replicas of the pairs that it knows."""

    totals: Mapping[Place, Increase] = field(default_factory=dict)
    live: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class OutcomeTotals:
    """Counts what ended at this ingress replica. A place without news for `keep_s` is dropped."""

    def __init__(self, clock: Clock, *, keep_s: float) -> None:
        self._clock = clock
        self._keep_s = keep_s
        self._totals: dict[Place, Increase] = {}
        self._counted_s: dict[Place, float] = {}

    def count(self, pair: str, replica: str | None, *, failed: bool) -> None:
        place = pair, replica
        old = self._totals.get(place, NOTHING)
        self._counted_s[place] = self._clock.now()
        self._totals[place] = Increase(
            successes=old.successes + (not failed),
            failures=old.failures + failed,
            run=old.run + 1 if failed else 0,
        )

    def totals(self) -> Mapping[Place, Increase]:
        now_s = self._clock.now()
        for place, counted_s in list(self._counted_s.items()):
            if now_s - counted_s > self._keep_s:
                del self._totals[place], self._counted_s[place]
        return dict(self._totals)


class PeerOutcomes:
    """Finds what is new in the totals of peers.

    What a peer counted before it was first seen is not new. Totals that shrank began again.
    """

    def __init__(self) -> None:
        self._seen: dict[str, Mapping[Place, Increase]] = {}

    def increases(
        self, peers: Mapping[str, Outcomes]
    ) -> Mapping[str, Mapping[str | None, Increase]]:
        """The sum over all peers, by pair and replica."""
        new: dict[str, dict[str | None, Increase]] = {}
        for peer, outcomes in peers.items():
            seen = self._seen.get(peer)
            if seen is None:
                continue
            for (pair, replica), total in outcomes.totals.items():
                increase = _increase(seen.get((pair, replica)), total)
                if increase.successes or increase.failures:
                    places = new.setdefault(pair, {})
                    places[replica] = places.get(replica, NOTHING).plus(increase)
        self._seen = {peer: outcomes.totals for peer, outcomes in peers.items()}
        return new


def _increase(seen: Increase | None, total: Increase) -> Increase:
    if seen is None or total.successes < seen.successes or total.failures < seen.failures:
        return total
    failures = total.failures - seen.failures
    return Increase(
        successes=total.successes - seen.successes,
        failures=failures,
        run=min(total.run, failures),
    )
