"""The decision, its parts and its reason in one sentence.

The one object that headers, logs, `/v1/route`, the simulator and tests all read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final, Literal

from serve_app.core.catalog import Catalog, Snapshot
from serve_app.core.profile import Correction, Origin
from serve_app.core.request import Constraints, Features

Rule = Literal[
    "switched_off",
    "profile",
    "replica",
    "breaker",
    "context",
    "capability",
    "golden",
    "numeric_guard",
    "deadline",
    "accuracy",
    "latency",
    "ttft",
    "cost",
]
Constraint = Literal["deadline", "latency", "ttft", "accuracy", "cost"]
Refusal = Literal["context_length", "capability", "unavailable", "infeasible"]


# Every decision makes predictions, terms and candidates of all pairs, and to freeze one takes three
# times as long as to make it. The type checker ensures that they are not changed.
@dataclass(slots=True, kw_only=True)
class Prediction:
    """What one pair is expected to do with one request under the present load.

    Latencies are at the request's deadline quantile, with the policy's margin on top where the
    profile's `origin` is published. `accuracy_lower` is the bound that the floor is compared
    with. Token counts are in the pair's own tokenizer; `output_tokens` and `cost_usd` are of an
    answer of median length. `concurrency` is requests at one replica, this one included;
    `wait_ms` is queueing and cold start, and is part of both latencies. `first_text_p50_ms` is the
    median time to what the deadline is for: the first token of a stream, or the whole of a unary
    answer. `feedback` is by how much
    feedback has moved both accuracies. `default_max_tokens` is the limit that the answer gets where
    the caller set none, `None` where it gets none.
    """

    ttft_ms: Final[float]
    total_ms: Final[float]
    wait_ms: Final[float]
    first_text_p50_ms: Final[float]
    cost_usd: Final[float]
    accuracy: Final[float]
    accuracy_lower: Final[float]
    prompt_tokens: Final[int]
    output_tokens: Final[int]
    concurrency: Final[float]
    origin: Final[Origin]
    feedback: Final[Correction | None] = None
    default_max_tokens: Final[int | None] = None


@dataclass(slots=True, kw_only=True)
class Terms:
    """The parts of the utility, each in [0, 1] before weighing.

    `accuracy` is gain over the floor and is good; `latency` (share of the budget) and `cost`
    (share of the reference pair's cost) are bad. Without a budget, `latency` is a share of the
    slowest ready pair's. It is over 1 for a slower pair that has to start or misses a constraint.
    """

    accuracy: Final[float]
    latency: Final[float]
    cost: Final[float]


@dataclass(slots=True, kw_only=True)
class Candidate:
    """A pair that may serve the request.

    `prediction` and `terms` are `None` only for a pair without a profile. `violates` names
    the constraints it is expected to miss; empty for a pair that meets them all. `deadline` is
    among them only where no pair can meet it.
    """

    pair: Final[str]
    utility: Final[float]
    prediction: Final[Prediction | None]
    terms: Final[Terms | None]
    violates: Final[tuple[Constraint, ...]] = ()

    @property
    def misses_deadline_only(self) -> bool:
        return self.violates == ("deadline",)

    @property
    def default_max_tokens(self) -> int | None:
        return self.prediction.default_max_tokens if self.prediction is not None else None


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
    try, `None` when `refusal` states why no pair may. `rejected` has every rule failed by every
    pair. `infeasible` names the constraints the chosen pair would miss. `fallback` is the
    reason routing itself failed, when the static fallback serves. `time_left_ms` is what was left
    of the request's deadline, `None` where it had none. `policy_version` is the publication that
    the policy came from, `None` where the fleet file's held.
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
    time_left_ms: float | None = None
    policy_version: str | None = None

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Every pair that may be tried, in the order of trying.

        Who asks to be refused means its own constraints, not the fleet's deadline.
        """
        if self.constraints.on_infeasible == "refuse":
            return self.ranked + tuple([c for c in self.best_effort if c.misses_deadline_only])
        return self.ranked + self.best_effort

    def candidate(self, pair: str) -> Candidate | None:
        return next((c for c in self.candidates if c.pair == pair), None)


def reason_for(
    ranked: Sequence[Candidate],
    best_effort: Sequence[Candidate],
    rejected: Sequence[Rejection],
    *,
    refused: bool,
) -> str:
    """Names the pair that was chosen, why, and who comes next or what ruled the others out.

    Notes it when the chosen pair's figures were published by others, not measured here, and
    when feedback has moved its estimated accuracy.
    """
    if ranked:
        sentence = _ranked_reason(ranked, rejected)
    elif not best_effort:
        return f"no pair can serve this request{_because(rejected)}"
    else:
        nearest = best_effort[0].pair
        misses = ", ".join(_failed(r) for r in rejected if r.pair == nearest)
        if refused:
            return f"no pair meets the constraints; nearest is {nearest}, which fails {misses}"
        if "deadline" in best_effort[0].violates:
            sentence = f"no pair can answer in time; {nearest} comes nearest: it fails {misses}"
        else:
            sentence = (
                f"no pair meets the constraints; {nearest} misses them least: it fails {misses}"
            )
    first = (ranked or best_effort)[0]
    if first.prediction is None:
        return sentence
    if (moved := first.prediction.feedback) is not None:
        sentence += (
            f"; feedback moved the accuracy of {first.pair} by {moved.mean:+.3f}, its lower bound "
            f"by {moved.lower:+.3f}"
        )
    if first.prediction.origin == "published":
        sentence += f"; {first.pair} is judged on published figures"
    return sentence


def _ranked_reason(ranked: Sequence[Candidate], rejected: Sequence[Rejection]) -> str:
    best = ranked[0]
    if best.prediction is None:
        return f"{best.pair} has no profile, but no measured pair can serve{_because(rejected)}"
    if len(ranked) == 1:
        return f"{best.pair} is the only pair that meets the constraints{_because(rejected)}"
    second = ranked[1]
    if second.prediction is None:
        return f"{best.pair} is preferred to {second.pair}, which has no profile"
    return (
        f"{best.pair} has the highest utility of {len(ranked)} pairs that meet the constraints, "
        f"{best.utility:.3f} ({_merits(best.prediction)}); "
        f"next is {second.pair}, {second.utility:.3f} ({_merits(second.prediction)})"
    )


def _merits(prediction: Prediction) -> str:
    return f"{ceil(prediction.total_ms)} ms, {prediction.cost_usd:.3g} USD"


def _because(rejected: Sequence[Rejection]) -> str:
    """Each pair's first failed rule; the decision itself has them all."""
    first: dict[str, Rejection] = {}
    for rejection in rejected:
        first.setdefault(rejection.pair, rejection)
    if not first:
        return ""
    return ": " + ", ".join(f"{pair} fails {_failed(first[pair])}" for pair in first)


def _failed(rejection: Rejection) -> str:
    return f"{rejection.rule} (needs {rejection.need}, has {rejection.got})"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingResult:
    """A decision, the catalog and policy it was made with, and the milliseconds it took."""

    decision: Decision
    snapshot: Snapshot
    overhead_ms: float

    @property
    def catalog(self) -> Catalog | None:
        return self.snapshot.catalog
