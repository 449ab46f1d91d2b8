"""The deployed pairs and their state of this moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from serve_app.core.profile import Hardware, Quantization
from serve_app.core.request import Capability


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A model in one quantization on one kind of hardware, as deployed."""

    id: str
    model: str
    quantization: Quantization
    hardware: Hardware
    context_window: int
    max_concurrency: int
    capabilities: frozenset[Capability]


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A pair's state now.

    `in_flight` counts requests sent to the pair and not yet answered, over all replicas and
    all ingress replicas. `starting_replicas` are on their way; `max_replicas` is how many the
    autoscaler may run. `breaker_open` means recent attempts failed and none may be made yet.
    """

    ready_replicas: int
    starting_replicas: int = 0
    max_replicas: int = 1
    in_flight: int = 0
    breaker_open: bool = False

    @property
    def can_start(self) -> bool:
        return self.ready_replicas + self.starting_replicas < self.max_replicas


LoadView = Mapping[str, Load]
