"""Feedback as metrics."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from serve_app.core.events import (
    AccuracyCorrected,
    Event,
    FeedbackRefused,
    FeedbackTaken,
    ShadowEnded,
)
from serve_app.telemetry.request_metrics import PrometheusEvents


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def emit(registry: CollectorRegistry, *emitted: Event) -> None:
    events = PrometheusEvents(registry)
    for event in emitted:
        events.emit(event)


def test_scores_are_counted_and_summed_by_pair_and_source(registry: CollectorRegistry) -> None:
    emit(
        registry,
        FeedbackTaken(pair="a", source="caller", score=0.5),
        FeedbackTaken(pair="a", source="caller", score=1.0),
        FeedbackTaken(pair="a", source="shadow", score=1.0),
    )

    told = {"pair": "a", "source": "caller"}
    assert registry.get_sample_value("quantroute_feedback_total", told) == 2
    assert registry.get_sample_value("quantroute_feedback_score_total", told) == 1.5


def test_scores_not_taken_are_counted_by_reason(registry: CollectorRegistry) -> None:
    emit(registry, FeedbackRefused(reason="conflict"))

    refused = registry.get_sample_value("quantroute_feedback_refused_total", {"reason": "conflict"})
    assert refused == 1


def test_only_current_estimates_are_shown(registry: CollectorRegistry) -> None:
    emit(
        registry,
        AccuracyCorrected(estimates={("a", "code"): (0.5, 0.4), ("a", "reasoning"): (0.5, 0.4)}),
        AccuracyCorrected(estimates={("a", "code"): (0.7, 0.6)}),
    )

    code, reasoning = {"pair": "a", "task": "code"}, {"pair": "a", "task": "reasoning"}
    assert registry.get_sample_value("quantroute_accuracy_estimate", code) == 0.7
    assert registry.get_sample_value("quantroute_accuracy_estimate_lower", code) == 0.6
    assert registry.get_sample_value("quantroute_accuracy_estimate", reasoning) is None


def test_grading_is_counted_by_what_came_of_it_and_its_cost_is_apart(
    registry: CollectorRegistry,
) -> None:
    emit(
        registry,
        ShadowEnded(pair="a", outcome="graded", cost_usd=0.25),
        ShadowEnded(pair="a", outcome="busy"),
    )

    graded = {"pair": "a", "outcome": "graded"}
    assert registry.get_sample_value("quantroute_shadow_total", graded) == 1
    assert registry.get_sample_value("quantroute_shadow_cost_usd_total") == 0.25
    assert registry.get_sample_value("quantroute_cost_usd_total", {"pair": "a"}) is None
