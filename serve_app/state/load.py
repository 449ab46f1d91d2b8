"""What every pair is doing now, kept so that reading it costs nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType

from serve_app.core.fleet import Load, LoadView, Pair


@dataclass(frozen=True, slots=True, kw_only=True)
class Replicas:
    """A deployment's replicas: answering, on their way, and how many there may be.

    `failure` states how a deployment has failed that has none and starts none.
    """

    ready: int
    starting: int
    maximum: int
    failure: str | None = None


NONE_YET = Replicas(ready=0, starting=0, maximum=1)
# An endpoint that others run counts as one replica. Only its breaker shows if it answers.
ENDPOINT = Replicas(ready=1, starting=0, maximum=1)


class LoadTracker:
    """Merges what this ingress sends with what it receives about replicas and its peers.

    Every pair counts as not ready until `set_replicas` changes it. The replicas of `fixed` pairs
    are known and never change.
    """

    def __init__(
        self, pairs: Sequence[Pair], fixed: Mapping[str, Replicas] = MappingProxyType({})
    ) -> None:
        self._fixed = fixed
        self._own = dict.fromkeys((pair.id for pair in pairs), 0)
        self._peers: Mapping[str, int] = {}
        self._replicas: Mapping[str, Replicas] = {}
        self._loads = {pair: self._load(pair) for pair in self._own}

    def view(self) -> LoadView:
        """A snapshot that later changes do not touch."""
        return dict(self._loads)

    def own_in_flight(self) -> Mapping[str, int]:
        """Sequences this ingress has asked for and not seen answered, for its peers to know."""
        return dict(self._own)

    def began(self, pair: str, sequences: int = 1) -> None:
        self._own[pair] += sequences
        self._loads[pair] = self._load(pair)

    def ended(self, pair: str, sequences: int = 1) -> None:
        self._own[pair] -= sequences
        self._loads[pair] = self._load(pair)

    @contextmanager
    def counted(self, pair: str, sequences: int = 1) -> Iterator[None]:
        """Counts a request's sequences in flight for as long as the block runs."""
        self.began(pair, sequences)
        try:
            yield
        finally:
            self.ended(pair, sequences)

    def set_replicas(self, replicas: Mapping[str, Replicas]) -> None:
        """Takes the state of all deployments; pairs left out keep none."""
        self._replicas = dict(replicas)
        self._refresh()

    def set_peers(self, in_flight: Mapping[str, int]) -> None:
        """Takes the sum of requests in flight at all other ingress replicas."""
        self._peers = dict(in_flight)
        self._refresh()

    def _refresh(self) -> None:
        for pair in self._own:
            self._loads[pair] = self._load(pair)

    def _load(self, pair: str) -> Load:
        replicas = self._fixed.get(pair) or self._replicas.get(pair, NONE_YET)
        return Load(
            ready_replicas=replicas.ready,
            starting_replicas=replicas.starting,
            max_replicas=replicas.maximum,
            failure=replicas.failure,
            in_flight=self._own[pair] + self._peers.get(pair, 0),
        )
