"""The deployed pairs, their state of this moment, and the accelerators they may name.

Accelerators are Ray's own resource names for NVIDIA GPUs, `CPU`, and `hosted` for an endpoint that
does not show its hardware.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from serve_app.core.profile import Hardware, Quantization
from serve_app.core.request import Capability

Service = Literal["generate", "embed"]
CPU = "CPU"
HOSTED = "hosted"
GPUS = (
    "A10G",
    "A100",
    "A100-40G",
    "A100-80G",
    "B200",
    "B300",
    "GB200",
    "GB300",
    "H100",
    "H20",
    "H200",
    "L4",
    "L40S",
    "RTX-PRO-6000",
    "T4",
    "V100",
)
ACCELERATORS = (CPU, *GPUS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A model in one quantization on one kind of hardware, as deployed.

    `default_max_tokens` limits the answer of a request that sets no limit. `None` leaves it to the
    engine, which then writes up to the end of its context window. `serves` is what its model does
    with text: it generates it, or embeds it.
    """

    id: str
    model: str
    quantization: Quantization
    hardware: Hardware
    context_window: int
    max_concurrency: int
    capabilities: frozenset[Capability]
    default_max_tokens: int | None = None
    serves: Service = "generate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A pair's state now.

    `in_flight` counts sequences asked of the pair and not yet answered, over all replicas and
    all ingress replicas. `starting_replicas` are on their way; `max_replicas` is how many the
    autoscaler may run. `breaker_open` means recent attempts failed and none may be made yet.
    `failure` states how the deployment has failed, where it has no replica and starts none.
    """

    ready_replicas: int
    starting_replicas: int = 0
    max_replicas: int = 1
    in_flight: int = 0
    breaker_open: bool = False
    failure: str | None = None

    @property
    def can_start(self) -> bool:
        if self.failure is not None:
            return False
        return self.ready_replicas + self.starting_replicas < self.max_replicas


LoadView = Mapping[str, Load]
