"""The circuit breakers of every pair and of its replicas, at this ingress replica.

A failure at a known replica is that replica's, until more than half of the pair's replicas fail.
Attempts keep away from a replica whose breaker is open. A pair is left alone when its own breaker
is open, or that of each of its replicas.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from serve_app.core.breaker import Breaker, BreakerSettings, State
from serve_app.core.fleet import LoadView
from serve_app.core.ports import Clock, Placement
from serve_app.state.outcomes import NOTHING, Increase, Outcomes, OutcomeTotals, PeerOutcomes

# Multiples of it, modulo 1, spread evenly: a slow start lets an even share of requests through.
GOLDEN_RATIO = 0.618033988749895
IN_USE: tuple[State, ...] = ("closed", "slow_start")


@dataclass(slots=True, kw_only=True, eq=False)
class Attempt:
    """One attempt at a pair. Its outcome counts at the replica that it was placed at."""

    pair: str
    began_s: float
    placement: Placement


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerStatus:
    """A breaker for people to read. `failures` are those in a row.

    `window_attempts` ended within the sliding window, and `window_failures` of them failed.
    """

    state: State
    failures: int
    window_attempts: int
    window_failures: int
    cool_down_s: float
    replicas: Mapping[str, BreakerStatus] = field(default_factory=dict)


class _PairBreakers:
    """The breaker of one pair and those of its replicas."""

    def __init__(self, settings: BreakerSettings) -> None:
        self._fresh = Breaker.closed(settings)
        # An entry without an event for this long shows nothing any more.
        self._keep_s = max(settings.window_s, 2 * settings.max_cool_down_s)
        self._touched_s: dict[str, float] = {}
        # What this ingress replica saw itself, by replica, and of the pair under `None`: its
        # failures in a row, and where it had a success since its peers last reported.
        self._own_runs: dict[str | None, int] = {}
        self._answered: set[str | None] = set()
        self.pair = self._fresh
        self.replicas: dict[str, Breaker] = {}
        self.live: frozenset[str] = frozenset()

    def is_calm(self, now_s: float) -> bool:
        """Whether every breaker in use is closed. Ends slow starts that are over."""
        self.pair = self.pair.settled(now_s)
        self.replicas = {name: each.settled(now_s) for name, each in self.replicas.items()}
        return self.pair.state == "closed" and all(
            self.of(each).state == "closed" for each in self.live
        )

    def allows(self, now_s: float) -> bool:
        return self.pair.allows(now_s) and not (
            self.has_several and all(not self.of(each).allows(now_s) for each in self.live)
        )

    @property
    def has_several(self) -> bool:
        """With one replica only, its breaker would repeat that of the pair."""
        return len(self.live) > 1

    def of(self, replica: str) -> Breaker:
        return self.replicas.get(replica, self._fresh)

    def set(self, replica: str, breaker: Breaker, now_s: float) -> None:
        self.replicas[replica] = breaker
        self._touched_s[replica] = now_s

    def note_live(self, live: frozenset[str], now_s: float) -> None:
        """Takes the replicas that there are now, and forgets those gone for long."""
        if live == self.live:
            return
        self.live = live
        for replica in list(self.replicas):
            if replica not in live and now_s - self._touched_s[replica] > self._keep_s:
                del self.replicas[replica], self._touched_s[replica]
                self._own_runs.pop(replica, None)

    def fails_widely(self, now_s: float, replica: str | None = None) -> bool:
        """Whether more than half of the replicas in use fail, `replica` among them.

        They fail within the window, or since they last answered.
        """
        used = [each for each in self.live if each == replica or self.of(each).state in IN_USE]
        failing = sum(
            self.of(each).failures > 0 or self.of(each).counted(now_s)[1] > 0 for each in used
        )
        return 2 * failing > len(used)

    def note_own(self, replica: str | None, *, failed: bool) -> None:
        for each in {None, replica}:
            self._own_runs[each] = self._own_runs.get(each, 0) + 1 if failed else 0
            if not failed:
                self._answered.add(each)

    def run_after(self, replica: str | None, increase: Increase) -> int:
        """Failures in a row at a replica, or at the pair, after what peers have reported.

        Which came first is not known. So a success of its own ends what peers call a run, and
        theirs does not end a run of its own.
        """
        failures = (self.pair if replica is None else self.of(replica)).failures
        if replica in self._answered:
            return failures
        if increase.successes:
            return self._own_runs.get(replica, 0) + increase.run
        return failures + increase.failures

    def merged(self) -> None:
        """Peers have reported."""
        self._answered.clear()

    def place(self, now_s: float, draw: float) -> Placement:
        """Keeps a request from replicas with an open breaker, or makes it the probe of one."""
        avoid, prefer = set(), None
        for replica in self.live:
            breaker = self.of(replica)
            share = breaker.share(now_s)
            if breaker.state in ("open", "half_open") and share and prefer is None:
                prefer = replica
                self.set(replica, breaker.probing(now_s), now_s)
            elif breaker.state in ("open", "half_open") or draw >= share:
                avoid.add(replica)
        return Placement(avoid=frozenset(avoid), prefer=prefer)


class Breakers:
    """Counts the results of attempts, and decides which pairs and replicas may be tried."""

    def __init__(self, pairs: Iterable[str], settings: BreakerSettings, clock: Clock) -> None:
        self._clock = clock
        self._pairs = {pair: _PairBreakers(settings) for pair in pairs}
        self._troubled: set[str] = set()
        self._draw = 0.0
        self._own = OutcomeTotals(clock, keep_s=2 * settings.max_cool_down_s)
        self._peers = PeerOutcomes()

    def allows(self, pair: str) -> bool:
        """Whether an attempt may be made at all. A slow start refuses none here."""
        return pair not in self._troubled or self._pairs[pair].allows(self._clock.now())

    def begin(self, pair: str) -> Attempt:
        """An attempt begins, perhaps as a probe."""
        now_s, breakers, placement = self._clock.now(), self._pairs[pair], Placement()
        if pair in self._troubled:
            breakers.pair = breakers.pair.probing(now_s)
            if breakers.has_several:
                placement = breakers.place(now_s, self._draw)
        return Attempt(pair=pair, began_s=now_s, placement=placement)

    def released(self, attempt: Attempt) -> None:
        """Ends a probe that showed nothing."""
        if attempt.pair not in self._troubled:
            return
        now_s, breakers = self._clock.now(), self._pairs[attempt.pair]
        if attempt.began_s > breakers.pair.opened_s:
            breakers.pair = breakers.pair.released(now_s)
        self._release_replica(attempt)

    def gave_first_token(self, attempt: Attempt) -> None:
        """A probe has succeeded. A closed breaker forgives failures only for an answer that came
        whole: a pair that always breaks midway gives first tokens too."""
        self._note_live(attempt)
        if attempt.pair not in self._troubled:
            return
        now_s, breakers = self._clock.now(), self._pairs[attempt.pair]
        replica, began_s = attempt.placement.replica, attempt.began_s
        if breakers.pair.state == "half_open":
            breakers.pair = breakers.pair.succeeded(now_s, began_s)
            breakers.note_own(None, failed=False)
        if replica is not None and breakers.of(replica).state == "half_open":
            breakers.set(replica, breakers.of(replica).succeeded(now_s, began_s), now_s)
            breakers.note_own(replica, failed=False)
        if attempt.placement.prefer != replica:
            self._release_replica(attempt)

    def succeeded(self, attempt: Attempt) -> None:
        """The answer came whole. Its first token has already counted as a probe's."""
        now_s, breakers = self._clock.now(), self._pairs[attempt.pair]
        replica, began_s = attempt.placement.replica, attempt.began_s
        counts = False
        if breakers.pair.state != "half_open":
            before, breakers.pair = breakers.pair, breakers.pair.succeeded(now_s, began_s)
            counts = before is not breakers.pair
        if replica is not None and breakers.has_several:
            breaker = breakers.of(replica)
            if breaker.state != "half_open":
                breakers.set(replica, breaker.succeeded(now_s, began_s), now_s)
        if counts:
            breakers.note_own(replica, failed=False)
            self._own.count(attempt.pair, replica, failed=False)

    def failed(self, attempt: Attempt) -> None:
        self._note_live(attempt)
        now_s, breakers = self._clock.now(), self._pairs[attempt.pair]
        replica = attempt.placement.replica if breakers.has_several else None
        counts, widely = True, True
        if replica is not None:
            before = breakers.of(replica)
            after = before.failed(now_s, attempt.began_s)
            breakers.set(replica, after, now_s)
            # A replica that is out of use shows nothing about the pair.
            counts = before.settled(now_s).state in IN_USE
            widely = breakers.fails_widely(now_s, replica)
        if counts:
            pair = breakers.pair.failed(now_s, attempt.began_s, may_open=widely)
            counts, breakers.pair = pair is not breakers.pair, pair
        if counts:
            breakers.note_own(replica, failed=True)
            self._own.count(attempt.pair, attempt.placement.replica, failed=True)
        self._look_at(attempt.pair, now_s)

    def outcomes(self) -> Outcomes:
        """What has ended at this ingress replica, for its peers."""
        live = {pair: tuple(sorted(each.live)) for pair, each in self._pairs.items() if each.live}
        return Outcomes(totals=self._own.totals(), live=live)

    def merge(self, peers: Mapping[str, Outcomes]) -> None:
        """Takes the outcomes of all peers, by ingress replica."""
        now_s = self._clock.now()
        for peer in peers.values():
            for pair, live in peer.live.items():
                if pair in self._pairs and not self._pairs[pair].live:
                    self._pairs[pair].live = frozenset(live)
        for pair, increases in self._peers.increases(peers).items():
            if pair in self._pairs:
                self._merge_pair(self._pairs[pair], increases, now_s)
                self._look_at(pair, now_s)
        for each in self._pairs.values():
            each.merged()

    def states(self) -> Mapping[str, BreakerStatus]:
        now_s = self._clock.now()
        return {
            pair: _status(
                each.pair,
                now_s,
                {replica: _status(each.replicas[replica], now_s) for replica in each.replicas},
            )
            for pair, each in self._pairs.items()
        }

    def merged_into(self, loads: LoadView) -> LoadView:
        """The same loads for the next request, marked where a breaker forbids an attempt.

        A slow start forbids a share of the requests, but none that only slow pairs could serve.
        """
        if not self._troubled:
            return loads
        now_s = self._clock.now()
        self._draw = (self._draw + GOLDEN_RATIO) % 1.0
        forbidden, held_back = set(), set()
        for pair in tuple(self._troubled):
            breakers = self._pairs[pair]
            if breakers.is_calm(now_s):
                self._troubled.discard(pair)
            elif not breakers.allows(now_s):
                forbidden.add(pair)
            elif breakers.pair.state == "slow_start" and self._draw >= breakers.pair.share(now_s):
                held_back.add(pair)
        if all(
            pair in forbidden or pair in held_back or not load.ready_replicas
            for pair, load in loads.items()
        ):
            held_back.clear()
        marked = {
            pair: replace(loads[pair], breaker_open=True)
            for pair in forbidden | held_back
            if pair in loads
        }
        return {**loads, **marked} if marked else loads

    def _merge_pair(
        self, breakers: _PairBreakers, increases: Mapping[str | None, Increase], now_s: float
    ) -> None:
        of_pair = NOTHING
        for replica, increase in increases.items():
            counts = True
            if replica is not None and breakers.has_several:
                before = breakers.of(replica).settled(now_s)
                counts = before.state in IN_USE
                run = breakers.run_after(replica, increase)
                breakers.set(replica, _merged(before, increase, run, now_s), now_s)
            if counts:
                of_pair = of_pair.plus(increase)
        unknown = None in increases and increases[None].failures > 0
        breakers.pair = _merged(
            breakers.pair,
            of_pair,
            breakers.run_after(None, of_pair),
            now_s,
            may_open=unknown or not breakers.has_several or breakers.fails_widely(now_s),
        )

    def _note_live(self, attempt: Attempt) -> None:
        if attempt.placement.live:
            self._pairs[attempt.pair].note_live(attempt.placement.live, self._clock.now())

    def _release_replica(self, attempt: Attempt) -> None:
        breakers, prefer = self._pairs[attempt.pair], attempt.placement.prefer
        if prefer is not None and attempt.began_s > breakers.of(prefer).opened_s:
            now_s = self._clock.now()
            breakers.set(prefer, breakers.of(prefer).released(now_s), now_s)

    def _look_at(self, pair: str, now_s: float) -> None:
        if self._pairs[pair].is_calm(now_s):
            self._troubled.discard(pair)
        else:
            self._troubled.add(pair)


def _merged(
    breaker: Breaker, increase: Increase, run: int, now_s: float, *, may_open: bool = True
) -> Breaker:
    return breaker.merged(
        now_s,
        successes=increase.successes,
        failures=increase.failures,
        run=run,
        may_open=may_open,
    )


def _status(
    breaker: Breaker, now_s: float, replicas: Mapping[str, BreakerStatus] | None = None
) -> BreakerStatus:
    breaker = breaker.settled(now_s)
    attempts, failures = breaker.counted(now_s)
    return BreakerStatus(
        state=breaker.state,
        failures=breaker.failures,
        window_attempts=attempts,
        window_failures=failures,
        cool_down_s=breaker.cool_down_s,
        replicas=replicas or {},
    )
