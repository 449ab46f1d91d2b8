"""Core events as Prometheus metrics. Labels are bounded: no caller, no prompt, no free text."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from serve_app.classifier.success_model import ORIGIN
from serve_app.core.decision import Decision, Refusal
from serve_app.core.events import (
    AccuracyCorrected,
    Answered,
    AttemptFailed,
    CatalogRefused,
    CatalogSwapped,
    ClassifierMissed,
    Event,
    FeedbackRefused,
    FeedbackTaken,
    Outcome,
    RejectReason,
    RequestRejected,
    Routed,
    ShadowEnded,
    StoreLost,
    TokenRatiosChanged,
)
from serve_app.core.request import PromptClassification
from serve_app.telemetry.catalog_metrics import CatalogMetrics
from serve_app.telemetry.feedback_metrics import FeedbackMetrics

TTFT_S = (0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8, 1.2, 2, 4, 8, 16)
REQUEST_S = (0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.2, 2, 4, 8, 16, 32, 64, 128)
OVERHEAD_S = (0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064)
# Powers of two and the halves between them: an upper edge is at most half above what it holds.
CONTEXT_TOKENS = tuple(
    sorted({step << power for step in (2, 3) for power in range(4, 16)} | {131_072})
)
ERROR_RATIO = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 4)
# What follows an origin's colon when another should have classified.
INSTEAD_OF = {
    "classifier late": "classifier_late",
    "classifier down": "classifier_down",
    "success model refused": "success_model_refused",
}
NO_PAIR = "none"


class ClassificationMetrics:
    """Counts classifications by who made them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._classifications = Counter(
            "quantroute_classifications",
            "Decisions by who classified the prompt, or why the heuristics did",
            ["origin"],
            registry=registry,
        )

    def count(self, classification: PromptClassification) -> None:
        self._classifications.labels(_label(classification.origin)).inc()


def _label(origin: str) -> str:
    classify_sync, _, note = origin.partition(": ")
    if classify_sync == ORIGIN:
        return "success_model"
    if classify_sync == "heuristics":
        return INSTEAD_OF.get(note, "heuristics")
    return "other"


class PrometheusEvents:
    """An `Events` that counts in a registry of its caller's."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._decisions = _DecisionMetrics(registry)
        self._answers = _AnswerMetrics(registry)
        self._catalog = CatalogMetrics(registry)
        self._feedback = FeedbackMetrics(registry)
        self._attempts_failed = Counter(
            "quantroute_attempts_failed",
            "Attempts that gave no first token, by the error's class",
            ["pair", "reason"],
            registry=registry,
        )
        self._classifier_missed = Counter(
            "quantroute_classifier_missed",
            "Requests classified by the heuristics in process, the classifier being late or down",
            registry=registry,
        )

    def emit(self, event: Event) -> None:
        match event:
            case RequestRejected(reason=reason):
                self._decisions.refused(reason)
                self._answers.ended(NO_PAIR, "rejected")
            case Routed(decision=decision, overhead_ms=overhead_ms):
                self._decisions.count(decision, overhead_s=overhead_ms / 1e3)
            case Answered():
                self._answers.count(event)
            case AttemptFailed(pair=pair, reason=reason):
                self._attempts_failed.labels(pair, reason).inc()
            case ClassifierMissed():
                self._classifier_missed.inc()
            case CatalogSwapped() | CatalogRefused() | StoreLost() | TokenRatiosChanged():
                self._catalog.emit(event)
            case FeedbackTaken() | FeedbackRefused() | AccuracyCorrected() | ShadowEnded():
                self._feedback.emit(event)

    def exposition(self) -> tuple[bytes, str]:
        """The registry in Prometheus' text format, and its content type."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST


class _DecisionMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._decisions = Counter(
            "quantroute_decisions",
            "Decisions by the pair chosen first and the preset asked for",
            ["pair", "preset"],
            registry=registry,
        )
        self._tasks = Counter(
            "quantroute_tasks", "Decisions by the prompt's task", ["task"], registry=registry
        )
        self._classifications = ClassificationMetrics(registry)
        self._rejections = Counter(
            "quantroute_rejections",
            "Pairs rejected for a request, by the rule that did it",
            ["pair", "rule"],
            registry=registry,
        )
        self._infeasible = Counter(
            "quantroute_infeasible",
            "Requests served although the chosen pair would miss this constraint",
            ["constraint"],
            registry=registry,
        )
        self._refusals = Counter(
            "quantroute_refusals",
            "Requests refused, by what kept them from being served",
            ["reason"],
            registry=registry,
        )
        self._fallbacks = Counter(
            "quantroute_fallbacks",
            "Requests sent to the static fallback pair because routing itself failed",
            registry=registry,
        )
        self._overhead = Histogram(
            "quantroute_overhead_seconds",
            "From the parsed request to the decision",
            buckets=OVERHEAD_S,
            registry=registry,
        )

    def count(self, decision: Decision, *, overhead_s: float) -> None:
        self._overhead.observe(overhead_s)
        self._decisions.labels(decision.chosen or NO_PAIR, decision.constraints.preset).inc()
        if decision.features is not None:
            self._tasks.labels(decision.features.classification.task).inc()
            self._classifications.count(decision.features.classification)
        for rejection in decision.rejected:
            self._rejections.labels(rejection.pair, rejection.rule).inc()
        for constraint in decision.infeasible:
            self._infeasible.labels(constraint).inc()
        if decision.refusal is not None:
            self.refused(decision.refusal)
        if decision.fallback is not None:
            self._fallbacks.inc()

    def refused(self, reason: Refusal | RejectReason) -> None:
        self._refusals.labels(reason).inc()


class _AnswerMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "quantroute_requests",
            "Requests ended, by the pair that served",
            ["pair", "outcome"],
            registry=registry,
        )
        self._ttft = Histogram(
            "quantroute_ttft_seconds",
            "Time to first token",
            ["pair"],
            buckets=TTFT_S,
            registry=registry,
        )
        self._total = Histogram(
            "quantroute_request_seconds",
            "Time to the whole answer of requests that got one",
            ["pair"],
            buckets=REQUEST_S,
            registry=registry,
        )
        self._tokens = Counter(
            "quantroute_tokens",
            "Tokens as the engines counted them",
            ["pair", "kind"],
            registry=registry,
        )
        self._context = Histogram(
            "quantroute_context_tokens",
            "Context that answers took: prompt and completion together, as the engines counted",
            ["pair"],
            buckets=CONTEXT_TOKENS,
            registry=registry,
        )
        self._cost = Counter(
            "quantroute_cost_usd", "Marginal cost of usage", ["pair"], registry=registry
        )
        self._uncounted_cost = Counter(
            "quantroute_uncounted_cost_usd",
            "Estimated cost of answers broken off before their engine counted tokens; not in cost",
            ["pair"],
            registry=registry,
        )
        self._predicted_cost = Counter(
            "quantroute_predicted_cost_usd",
            "What that cost was predicted to be",
            ["pair"],
            registry=registry,
        )
        self._baseline_cost = Counter(
            "quantroute_baseline_cost_usd",
            "What the baseline pair would have cost for the same tokens",
            registry=registry,
        )
        self._cost_error = Histogram(
            "quantroute_cost_estimate_error_ratio",
            "Distance of predicted from actual cost, as a share of actual cost",
            ["pair"],
            buckets=ERROR_RATIO,
            registry=registry,
        )
        self._prompt_error = Histogram(
            "quantroute_prompt_tokens_estimate_error_ratio",
            "Distance of predicted from actual prompt tokens, as a share of actual tokens",
            ["pair"],
            buckets=ERROR_RATIO,
            registry=registry,
        )
        self._predicted_prompt = Counter(
            "quantroute_predicted_prompt_tokens",
            "Prompt tokens as predicted, of the answers whose engines counted them",
            ["pair"],
            registry=registry,
        )

    def count(self, answer: Answered) -> None:
        pair = answer.pair or NO_PAIR
        self.ended(pair, answer.outcome)
        if answer.ttft_ms is not None:
            self._ttft.labels(pair).observe(answer.ttft_ms / 1e3)
        if answer.outcome == "ok":
            self._total.labels(pair).observe(answer.total_ms / 1e3)
            self._context.labels(pair).observe(answer.prompt_tokens + answer.completion_tokens)
        self._tokens.labels(pair, "prompt").inc(answer.prompt_tokens)
        self._tokens.labels(pair, "completion").inc(answer.completion_tokens)
        self._cost.labels(pair).inc(answer.cost_usd)
        self._baseline_cost.inc(answer.baseline_cost_usd)
        self._uncounted_cost.labels(pair).inc(answer.uncounted_cost_usd)
        if answer.predicted_cost_usd is not None:
            self._compare(pair, predicted=answer.predicted_cost_usd, actual=answer.cost_usd)
        if answer.predicted_prompt_tokens is not None and answer.prompt_tokens > 0:
            off = abs(answer.predicted_prompt_tokens - answer.prompt_tokens)
            self._prompt_error.labels(pair).observe(off / answer.prompt_tokens)
            self._predicted_prompt.labels(pair).inc(answer.predicted_prompt_tokens)

    def ended(self, pair: str, outcome: Outcome) -> None:
        self._requests.labels(pair, outcome).inc()

    def _compare(self, pair: str, *, predicted: float, actual: float) -> None:
        self._predicted_cost.labels(pair).inc(predicted)
        if actual > 0:
            self._cost_error.labels(pair).observe(abs(predicted - actual) / actual)
