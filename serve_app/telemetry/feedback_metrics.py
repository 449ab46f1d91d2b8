"""Feedback and shadow grading as metrics."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from serve_app.core.events import BeliefsChanged, FeedbackRefused, FeedbackTaken, ShadowEnded


class FeedbackMetrics:
    """Scores of answers, the estimates since then, and the cost of shadow grading."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._taken = Counter(
            "quantroute_feedback",
            "Scores of answers that were taken, by who gave them",
            ["pair", "source"],
            registry=registry,
        )
        self._score = Counter(
            "quantroute_feedback_score",
            "Sum of those scores, each from 0 to 1",
            ["pair", "source"],
            registry=registry,
        )
        self._refused = Counter(
            "quantroute_feedback_refused", "Scores not taken", ["reason"], registry=registry
        )
        self._mean = Gauge(
            "quantroute_accuracy_belief",
            "Accuracy that decisions believe in where feedback came, profile and feedback together",
            ["pair", "task"],
            registry=registry,
        )
        self._lower = Gauge(
            "quantroute_accuracy_belief_lower",
            "Lower 95 % bound of that accuracy",
            ["pair", "task"],
            registry=registry,
        )
        self._shadow = Counter(
            "quantroute_shadow",
            "Answers drawn for shadow grading, by what came of it",
            ["pair", "outcome"],
            registry=registry,
        )
        self._shadow_cost = Counter(
            "quantroute_shadow_cost_usd",
            "What the reference pair's answers for shadow grading cost; on no caller's account",
            registry=registry,
        )

    def emit(self, event: FeedbackTaken | FeedbackRefused | BeliefsChanged | ShadowEnded) -> None:
        match event:
            case FeedbackTaken(pair=pair, source=source, score=score):
                self._taken.labels(pair, source).inc()
                self._score.labels(pair, source).inc(score)
            case FeedbackRefused(reason=reason):
                self._refused.labels(reason).inc()
            case BeliefsChanged():
                self._believed(event)
            case ShadowEnded(pair=pair, outcome=outcome, cost_usd=cost_usd):
                self._shadow.labels(pair, outcome).inc()
                self._shadow_cost.inc(cost_usd)

    def _believed(self, changed: BeliefsChanged) -> None:
        # What has decayed, or was measured again, is corrected no longer.
        self._mean.clear()
        self._lower.clear()
        for belief in changed.beliefs:
            self._mean.labels(belief.pair, belief.task).set(belief.mean)
            self._lower.labels(belief.pair, belief.task).set(belief.lower)
