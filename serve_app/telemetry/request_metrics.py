"""Core events as Prometheus metrics. Labels are bounded: no caller, no prompt, no free text."""

from __future__ import annotations

from functools import partial

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from serve_app.classifier.success_model import ORIGIN
from serve_app.core.decision import Decision
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
    PoisonFound,
    RequestRejected,
    RetryBudgetSpent,
    Routed,
    ShadowEnded,
    StoreLost,
    TokenRatiosChanged,
)
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


class PrometheusEvents:
    """An `Events` that counts in a registry of its caller's."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._decisions = _DecisionMetrics(registry)
        self._answers = _AnswerMetrics(registry)
        self._catalog = CatalogMetrics(registry)
        self._feedback = FeedbackMetrics(registry)
        counter = partial(Counter, registry=registry)
        self._attempts_failed = counter(
            "quantroute_attempts_failed",
            "Attempts that gave no first token, by the kind of fault",
            ["pair", "reason"],
        )
        self._poison = counter(
            "quantroute_poison_requests",
            "Requests that broke the engines of two pairs",
        )
        self._retries_refused = counter(
            "quantroute_retry_budget_spent",
            "Requests that ended with a failure because too many requests were retried",
        )
        self._classifier_missed = counter(
            "quantroute_classifier_missed",
            "Requests classified by the heuristics in process, the classifier being late or down",
        )

    def emit(self, event: Event) -> None:
        match event:
            case RequestRejected(reason=reason):
                self._decisions.refusals.labels(reason).inc()
                self._answers.requests.labels(NO_PAIR, "rejected").inc()
            case Routed(decision=decision, overhead_ms=overhead_ms):
                self._decisions.count(decision, overhead_s=overhead_ms / 1e3)
            case Answered():
                self._answers.count(event)
            case AttemptFailed(pair=pair, reason=reason):
                self._attempts_failed.labels(pair, reason).inc()
            case PoisonFound():
                self._poison.inc()
            case RetryBudgetSpent():
                self._retries_refused.inc()
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
        counter = partial(Counter, registry=registry)
        self._decisions = counter(
            "quantroute_decisions",
            "Decisions by the pair chosen first and the preset asked for",
            ["pair", "preset"],
        )
        self._tasks = counter("quantroute_tasks", "Decisions by the prompt's task", ["task"])
        self._classifications = counter(
            "quantroute_classifications",
            "Decisions by who classified the prompt, or why the heuristics did",
            ["origin"],
        )
        self._rejections = counter(
            "quantroute_rejections",
            "Pairs rejected for a request, by the rule that did it",
            ["pair", "rule"],
        )
        self._infeasible = counter(
            "quantroute_infeasible",
            "Requests served although the chosen pair would miss this constraint",
            ["constraint"],
        )
        self.refusals = counter(
            "quantroute_refusals",
            "Requests refused, by what kept them from being served",
            ["reason"],
        )
        self._fallbacks = counter(
            "quantroute_fallbacks",
            "Requests sent to the static fallback pair because routing itself failed",
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
            classification = decision.features.classification
            self._tasks.labels(classification.task).inc()
            self._classifications.labels(_label(classification.origin)).inc()
        for rejection in decision.rejected:
            self._rejections.labels(rejection.pair, rejection.rule).inc()
        for constraint in decision.infeasible:
            self._infeasible.labels(constraint).inc()
        if decision.refusal is not None:
            self.refusals.labels(decision.refusal).inc()
        if decision.fallback is not None:
            self._fallbacks.inc()


def _label(origin: str) -> str:
    """The bounded name of who classified, or why the heuristics did."""
    classifier, _, note = origin.partition(": ")
    if classifier == ORIGIN:
        return "success_model"
    return INSTEAD_OF.get(note, "heuristics") if classifier == "heuristics" else "other"


class _AnswerMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        counter = partial(Counter, registry=registry)
        by_pair = partial(Histogram, labelnames=["pair"], registry=registry)
        self.requests = counter(
            "quantroute_requests", "Requests ended, by the pair that served", ["pair", "outcome"]
        )
        self._ttft = by_pair("quantroute_ttft_seconds", "Time to first token", buckets=TTFT_S)
        self._total = by_pair(
            "quantroute_request_seconds",
            "Time to the whole answer of requests that got one",
            buckets=REQUEST_S,
        )
        self._tokens = counter(
            "quantroute_tokens", "Tokens as the engines counted them", ["pair", "kind"]
        )
        self._context = by_pair(
            "quantroute_context_tokens",
            "Context that sequences took: prompt and completion together, as the engines counted",
            buckets=CONTEXT_TOKENS,
        )
        self._cost = counter("quantroute_cost_usd", "Marginal cost of usage", ["pair"])
        self._uncounted_cost = counter(
            "quantroute_uncounted_cost_usd",
            "Estimated cost of answers broken off before their engine counted tokens; not in cost",
            ["pair"],
        )
        self._predicted_cost = counter(
            "quantroute_predicted_cost_usd", "What that cost was predicted to be", ["pair"]
        )
        self._baseline_cost = counter(
            "quantroute_baseline_cost_usd",
            "What the baseline pair would have cost for the same tokens",
        )
        self._cost_error = by_pair(
            "quantroute_cost_estimate_error_ratio",
            "Distance of predicted from actual cost, as a share of actual cost",
            buckets=ERROR_RATIO,
        )
        self._prompt_error = by_pair(
            "quantroute_prompt_tokens_estimate_error_ratio",
            "Distance of predicted from actual prompt tokens, as a share of actual tokens",
            buckets=ERROR_RATIO,
        )
        self._predicted_prompt = counter(
            "quantroute_predicted_prompt_tokens",
            "Prompt tokens as predicted, of the answers whose engines counted them",
            ["pair"],
        )

    def count(self, answer: Answered) -> None:
        pair = answer.pair or NO_PAIR
        cost_usd, predicted_usd = answer.cost_usd, answer.predicted_cost_usd
        self.requests.labels(pair, answer.outcome).inc()
        if answer.ttft_ms is not None:
            self._ttft.labels(pair).observe(answer.ttft_ms / 1e3)
        if answer.outcome == "ok":
            self._total.labels(pair).observe(answer.total_ms / 1e3)
            # An engine counts all prompts together, and all sequences. Each had the mean.
            prompt_tokens = answer.prompt_tokens / answer.prompts
            completion_tokens = answer.completion_tokens / answer.sequences
            for _ in range(answer.sequences):
                self._context.labels(pair).observe(prompt_tokens + completion_tokens)
        self._tokens.labels(pair, "prompt").inc(answer.prompt_tokens)
        self._tokens.labels(pair, "completion").inc(answer.completion_tokens)
        self._cost.labels(pair).inc(cost_usd)
        self._baseline_cost.inc(answer.baseline_cost_usd)
        self._uncounted_cost.labels(pair).inc(answer.uncounted_cost_usd)
        if predicted_usd is not None:
            self._predicted_cost.labels(pair).inc(predicted_usd)
            if cost_usd > 0:
                self._cost_error.labels(pair).observe(abs(predicted_usd - cost_usd) / cost_usd)
        if answer.predicted_prompt_tokens is not None and answer.prompt_tokens > 0:
            off = abs(answer.predicted_prompt_tokens - answer.prompt_tokens)
            self._prompt_error.labels(pair).observe(off / answer.prompt_tokens)
            self._predicted_prompt.labels(pair).inc(answer.predicted_prompt_tokens)
