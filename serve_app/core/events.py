"""Facts the services emit. They know no metrics library; adapters make metrics of them.

No event carries a prompt, an answer or a caller's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from serve_app.core.decision import Decision
from serve_app.core.faults import FaultKind
from serve_app.core.request import Task

Outcome = Literal["ok", "rejected", "failed", "deadline", "overloaded", "disconnected"]
RejectReason = Literal["bad_request", "body_too_large", "unknown_model"]
ScoreSource = Literal["caller", "shadow"]
ScoreRejectReason = Literal["bad_request", "unknown", "conflict", "unavailable"]
ShadowOutcome = Literal["graded", "too_long", "cut_off", "full", "busy", "over_budget", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRejected:
    """A request was wrong in itself and ended before any decision; no `Answered` follows."""

    reason: RejectReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """A decision was made; `overhead_ms` is from the parsed request to the decision."""

    decision: Decision
    overhead_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFailed:
    """A pair did not give a first token; `reason` is the kind of fault, `detail` a sentence."""

    pair: str
    reason: FaultKind
    detail: str
    elapsed_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PoisonFound:
    """One request broke the engines of `pairs`, and no other pair is tried."""

    decision: str
    pairs: tuple[str, ...]
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryBudgetSpent:
    """A request ended with the failure of `pair`, because too many requests were retried."""

    pair: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A request ended. `pair` is empty when none served; token counts are the engine's.

    `predicted_prompt_tokens` is `None` where the engine sent no count to compare with; what
    such an answer is estimated to have cost is `uncounted_cost_usd`, and not in `cost_usd`.
    """

    pair: str
    outcome: Outcome
    ttft_ms: float | None
    total_ms: float
    prompt_tokens: int
    predicted_prompt_tokens: int | None
    completion_tokens: int
    predicted_ms: float | None
    cost_usd: float
    predicted_cost_usd: float | None
    baseline_cost_usd: float
    uncounted_cost_usd: float = 0.0
    prompts: int = 1
    sequences: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifierMissed:
    """The classifier was late or down and the heuristics in this process classified instead.

    `asked` is false for a request that did not wait for it, after it was missed before.
    """

    reason: str
    asked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRefused:
    """The classifier's success model cannot be used; the heuristics classify in its place."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogSwapped:
    """A new catalog is in use; `published` are the pairs whose profiles were not measured here.

    `policy` is the publication that its policy comes from, `None` where the fleet file's holds.
    """

    version: str
    pairs: int
    published: tuple[str, ...] = ()
    policy: str | None = None
    switched_off: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogRefused:
    """A catalog or its policy is invalid or not for this fleet; the last good one stays."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreLost:
    """The profile store cannot be reached; the last good catalog stays."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretsExposed:
    """These fields of the settings have a secret in plain text. No value is ever part of this."""

    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRatiosChanged:
    """By pair, the tokens per token of the reference tokenizer that decisions now reckon with."""

    ratios: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackTaken:
    """The answer of `pair` got a score from 0 to 1."""

    pair: str
    source: ScoreSource
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackRefused:
    """A score was not taken."""

    reason: ScoreRejectReason


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyCorrected:
    """Feedback corrects other accuracies now: mean and lower bound of each by pair and task."""

    estimates: Mapping[tuple[str, Task], tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowEnded:
    """An answer of `pair` was drawn to be asked of the reference pair too, and this came of it."""

    pair: str
    outcome: ShadowOutcome
    cost_usd: float = 0.0


Event = (
    RequestRejected
    | Routed
    | AttemptFailed
    | PoisonFound
    | RetryBudgetSpent
    | Answered
    | ClassifierMissed
    | ModelRefused
    | CatalogSwapped
    | CatalogRefused
    | StoreLost
    | SecretsExposed
    | TokenRatiosChanged
    | FeedbackTaken
    | FeedbackRefused
    | AccuracyCorrected
    | ShadowEnded
)
