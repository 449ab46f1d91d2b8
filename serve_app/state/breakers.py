"""One circuit breaker per pair, on this ingress replica."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from serve_app.core.breaker import Breaker, BreakerSettings
from serve_app.core.fleet import LoadView
from serve_app.core.ports import Clock


class Breakers:
    """Counts the results of attempts, and decides which pairs may be tried."""

    def __init__(self, pairs: Iterable[str], settings: BreakerSettings, clock: Clock) -> None:
        self._clock = clock
        self._breakers = dict.fromkeys(pairs, Breaker.closed(settings))

    def allows(self, pair: str) -> bool:
        return self._breakers[pair].allows(self._clock.now())

    def probing(self, pair: str) -> None:
        self._breakers[pair] = self._breakers[pair].probing(self._clock.now())

    def released(self, pair: str) -> None:
        """Ends a probe that showed nothing about the pair."""
        self._breakers[pair] = self._breakers[pair].released(self._clock.now())

    def gave_first_token(self, pair: str) -> None:
        """Ends a probe. A closed breaker forgives failures only for an answer that came whole:
        a pair that always breaks midway gives first tokens too."""
        if self._breakers[pair].state == "half_open":
            self.succeeded(pair)

    def succeeded(self, pair: str) -> None:
        self._breakers[pair] = self._breakers[pair].succeeded(self._clock.now())

    def failed(self, pair: str) -> None:
        self._breakers[pair] = self._breakers[pair].failed(self._clock.now())

    def states(self) -> Mapping[str, Breaker]:
        return dict(self._breakers)

    def merged_into(self, loads: LoadView) -> LoadView:
        """The same loads, marked where a breaker forbids attempts."""
        now_s = self._clock.now()
        forbidden = [
            pair
            for pair, breaker in self._breakers.items()
            if pair in loads and not breaker.allows(now_s)
        ]
        if not forbidden:
            return loads
        marked = {pair: replace(loads[pair], breaker_open=True) for pair in forbidden}
        return {**loads, **marked}
