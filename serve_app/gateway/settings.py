"""What an operator sets of a request's life."""

from __future__ import annotations

from dataclasses import dataclass, field

from serve_app.core.breaker import BreakerSettings
from serve_app.core.request import Constraints
from serve_app.core.units import PositiveFloat, PositiveInt


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """How requests are tried.

    `constraints` are the fleet's defaults. `chain_deadline_ms` bounds all attempts together, up
    to the first token of a stream or the whole of an unary answer, and then every silence of a
    stream. A stream leaves a pair for the next one, if there is one, when its first token takes
    `attempt_patience` times as long as predicted, and at least `attempt_floor_ms`; an unary answer
    of bounded length when it takes that many times what its greatest length would.
    `recent_decisions` is how many are kept to look at.
    """

    constraints: Constraints
    static_fallback: str
    baseline: str
    chain_deadline_ms: PositiveFloat = 60_000
    max_attempts: PositiveInt = 3
    attempt_patience: PositiveFloat = 4.0
    attempt_floor_ms: PositiveFloat = 5_000
    retry_after_s: PositiveFloat = 1.0
    breaker: BreakerSettings = field(default_factory=BreakerSettings)
    recent_decisions: PositiveInt = 200
