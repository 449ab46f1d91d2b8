"""Feedback and shadow grading as metrics."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from serve_app.core.events import (
    AccuracyCorrected,
    Event,
    FeedbackRefused,
    FeedbackTaken,
    ShadowEnded,
)


class FeedbackMetrics:
    """An `Events` that counts the facts of feedback and leaves all others alone."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, meaning: str, *labels: str) -> Counter:
            return Counter(f"quantroute_{name}", meaning, labels, registry=registry)

        def gauge(name: str, meaning: str) -> Gauge:
            return Gauge(f"quantroute_{name}", meaning, ["pair", "task"], registry=registry)

        self._taken = counter("feedback", "Scores taken, by source", "pair", "source")
        self._score = counter("feedback_score", "Sum of the scores (0 to 1)", "pair", "source")
        self._refused = counter("feedback_refused", "Scores not taken", "reason")
        self._mean = gauge(
            "accuracy_estimate", "Accuracy estimate (profile and feedback), where there is feedback"
        )
        self._lower = gauge("accuracy_estimate_lower", "Lower 95% bound of that accuracy")
        self._shadow = counter(
            "shadow", "Answers drawn for shadow grading, by outcome", "pair", "outcome"
        )
        self._shadow_cost = counter(
            "shadow_cost_usd", "Cost of the reference pair's answers for shadow grading"
        )

    def emit(self, event: Event) -> None:
        match event:
            case FeedbackTaken(pair=pair, source=source, score=score):
                self._taken.labels(pair, source).inc()
                self._score.labels(pair, source).inc(score)
            case FeedbackRefused(reason=reason):
                self._refused.labels(reason).inc()
            case AccuracyCorrected(estimates=estimates):
                # An estimate that has faded, or is of an older profile, is gone.
                self._mean.clear()
                self._lower.clear()
                for (pair, task), (mean, lower) in estimates.items():
                    self._mean.labels(pair, task).set(mean)
                    self._lower.labels(pair, task).set(lower)
            case ShadowEnded(pair=pair, outcome=outcome, cost_usd=cost_usd):
                self._shadow.labels(pair, outcome).inc()
                self._shadow_cost.inc(cost_usd)
