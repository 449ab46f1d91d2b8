"""The decision and its parts: the one object that headers, logs, `/v1/route`, the
simulator and tests all read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from serve_app.core.profile import Correction, Origin
from serve_app.core.request import Constraints, Features

Rule = Literal[
    "profile",
    "replica",
    "breaker",
    "context",
    "capability",
    "golden",
    "numeric_guard",
    "accuracy",
    "latency",
    "ttft",
    "cost",
]
Constraint = Literal["latency", "ttft", "accuracy", "cost"]
Refusal = Literal["context_length", "capability", "unavailable", "infeasible"]


# Every decision makes one per pair, and to freeze it takes three times as long as to make it. That
# nobody changes it is seen to by the type checker.
@dataclass(slots=True, kw_only=True)
class Prediction:
    """What one pair is expected to do with one request under the present load.

    Latencies are at the request's deadline quantile, with the policy's margin on top where the
    profile's `origin` is published. `accuracy_lower` is the bound that the floor is compared
    with. Token counts are in the pair's own tokenizer; `output_tokens` and `cost_usd` are of an
    answer of median length. `concurrency` is requests at one replica, this one included;
    `wait_ms` is queueing and cold start, and is part of both latencies. `feedback` is by how much
    feedback has moved both accuracies.
    """

    ttft_ms: Final[float]
    total_ms: Final[float]
    wait_ms: Final[float]
    cost_usd: Final[float]
    accuracy: Final[float]
    accuracy_lower: Final[float]
    prompt_tokens: Final[int]
    output_tokens: Final[int]
    concurrency: Final[float]
    origin: Final[Origin]
    feedback: Final[Correction | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The parts of the utility, each in [0, 1] before weighing.

    `accuracy` is gain over the floor and is good; `latency` (share of the budget) and `cost`
    (share of the reference pair's cost) are bad.
    """

    accuracy: float
    latency: float
    cost: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A pair that may serve the request.

    `prediction` and `terms` are `None` only for a pair without a profile. `violates` names
    the constraints it is expected to miss; empty for a pair that meets them all.
    """

    pair: str
    utility: float
    prediction: Prediction | None
    terms: Terms | None
    violates: tuple[Constraint, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """One rule that one pair failed: what the rule needed and what it got, in words with units."""

    pair: str
    rule: Rule
    need: str
    got: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Where a request goes and why.

    `ranked` holds the pairs that meet every constraint, best first; `best_effort` those that
    can serve it but would miss a constraint, least violation first. `chosen` is the first to
    try, `None` when `refusal` says why nobody may. `rejected` has every rule failed by every
    pair. `infeasible` names the constraints the chosen pair would miss. `fallback` is the
    reason routing itself failed, when the static fallback serves.
    """

    id: str
    chosen: str | None
    ranked: tuple[Candidate, ...]
    best_effort: tuple[Candidate, ...]
    rejected: tuple[Rejection, ...]
    infeasible: tuple[Constraint, ...]
    reason: str
    catalog_version: str
    features: Features | None
    constraints: Constraints
    refusal: Refusal | None = None
    fallback: str | None = None

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Every pair that may be tried, in the order of trying."""
        if self.constraints.on_infeasible == "refuse":
            return self.ranked
        return self.ranked + self.best_effort

    def candidate(self, pair: str) -> Candidate | None:
        return next((c for c in self.candidates if c.pair == pair), None)
