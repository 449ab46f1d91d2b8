"""Facts as metrics."""

from __future__ import annotations

from itertools import pairwise

import pytest
from prometheus_client import CollectorRegistry

from serve_app.core.events import (
    Answered,
    AttemptFailed,
    CatalogRefused,
    CatalogSwapped,
    ClassifierMissed,
    Event,
    PoisonFound,
    RequestRejected,
    RetryBudgetSpent,
    Routed,
    StoreLost,
    TokenRatiosChanged,
)
from serve_app.telemetry.request_metrics import CONTEXT_TOKENS, PrometheusEvents
from tests.telemetry.event_samples import a_decision, an_answer


class Metrics:
    """A registry and what was counted in it."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.events = PrometheusEvents(self.registry)

    def emit(self, *events: Event) -> Metrics:
        for event in events:
            self.events.emit(event)
        return self

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def test_a_decision_is_counted_by_pair_preset_task_and_overhead(metrics: Metrics) -> None:
    metrics.emit(Routed(decision=a_decision(chosen="a", preset="chat"), overhead_ms=0.4))

    assert metrics.value("quantroute_decisions_total", pair="a", preset="chat") == 1
    assert metrics.value("quantroute_tasks_total", task="code") == 1
    assert metrics.value("quantroute_overhead_seconds_sum") == pytest.approx(0.0004)


@pytest.mark.parametrize(
    ("origin", "label"),
    [
        ("success model", "success_model"),
        ("heuristics", "heuristics"),
        ("heuristics: words unknown to the model", "heuristics"),
        ("heuristics: classifier late", "classifier_late"),
        ("heuristics: classifier down", "classifier_down"),
        ("heuristics: success model refused", "success_model_refused"),
        ("somebody else: with a note", "other"),
    ],
)
def test_who_classified_is_counted_under_few_names(
    metrics: Metrics, origin: str, label: str
) -> None:
    metrics.emit(Routed(decision=a_decision(origin=origin), overhead_ms=0.1))

    assert metrics.value("quantroute_classifications_total", origin=label) == 1


def test_every_rule_that_rejected_a_pair_is_counted(metrics: Metrics) -> None:
    decision = a_decision(rejected=[("b", "latency"), ("b", "cost"), ("c", "latency")])

    metrics.emit(*[Routed(decision=decision, overhead_ms=0.1)] * 2)

    assert metrics.value("quantroute_rejections_total", pair="b", rule="latency") == 2
    assert metrics.value("quantroute_rejections_total", pair="b", rule="cost") == 2
    assert metrics.value("quantroute_rejections_total", pair="c", rule="latency") == 2


def test_missed_constraints_refusals_and_fallbacks_are_counted(metrics: Metrics) -> None:
    metrics.emit(
        Routed(decision=a_decision(infeasible=("latency", "accuracy")), overhead_ms=0.1),
        Routed(decision=a_decision(chosen=None, refusal="capability"), overhead_ms=0.1),
        Routed(decision=a_decision(fallback="no catalog yet"), overhead_ms=0.1),
    )

    assert metrics.value("quantroute_infeasible_total", constraint="latency") == 1
    assert metrics.value("quantroute_infeasible_total", constraint="accuracy") == 1
    assert metrics.value("quantroute_refusals_total", reason="capability") == 1
    assert metrics.value("quantroute_decisions_total", pair="none", preset="balanced") == 1
    assert metrics.value("quantroute_fallbacks_total") == 1


def test_requests_turned_away_count_as_requests_and_by_what_was_wrong(metrics: Metrics) -> None:
    metrics.emit(RequestRejected(reason="bad_request"), RequestRejected(reason="body_too_large"))

    assert metrics.value("quantroute_refusals_total", reason="bad_request") == 1
    assert metrics.value("quantroute_refusals_total", reason="body_too_large") == 1
    assert metrics.value("quantroute_requests_total", pair="none", outcome="rejected") == 2


def test_an_answer_is_counted_in_seconds_tokens_and_usd(metrics: Metrics) -> None:
    metrics.emit(
        an_answer(
            pair="a",
            ttft_ms=120.0,
            total_ms=900.0,
            prompt_tokens=100,
            completion_tokens=20,
            cost_usd=0.002,
            baseline_cost_usd=0.005,
        )
    )

    assert metrics.value("quantroute_requests_total", pair="a", outcome="ok") == 1
    assert metrics.value("quantroute_ttft_seconds_sum", pair="a") == pytest.approx(0.12)
    assert metrics.value("quantroute_request_seconds_sum", pair="a") == pytest.approx(0.9)
    assert metrics.value("quantroute_tokens_total", pair="a", kind="prompt") == 100
    assert metrics.value("quantroute_tokens_total", pair="a", kind="completion") == 20
    assert metrics.value("quantroute_cost_usd_total", pair="a") == pytest.approx(0.002)
    assert metrics.value("quantroute_baseline_cost_usd_total") == pytest.approx(0.005)


def test_the_estimated_cost_of_an_answer_broken_off_is_a_counter_of_its_own(
    metrics: Metrics,
) -> None:
    metrics.emit(an_answer(pair="a", outcome="disconnected", cost_usd=0, uncounted_cost_usd=0.3))

    assert metrics.value("quantroute_uncounted_cost_usd_total", pair="a") == pytest.approx(0.3)
    assert metrics.value("quantroute_cost_usd_total", pair="a") == 0


@pytest.mark.parametrize("predicted", [0.001, 0.003])
def test_a_wrong_estimate_counts_the_same_too_low_as_too_high(
    metrics: Metrics, predicted: float
) -> None:
    metrics.emit(an_answer(pair="a", cost_usd=0.002, predicted_cost_usd=predicted))

    error = metrics.value("quantroute_cost_estimate_error_ratio_sum", pair="a")
    assert error == pytest.approx(0.5)
    assert metrics.value("quantroute_predicted_cost_usd_total", pair="a") == pytest.approx(
        predicted
    )


def test_an_answer_that_cost_nothing_has_no_estimate_error(metrics: Metrics) -> None:
    metrics.emit(an_answer(pair="a", cost_usd=0.0, predicted_cost_usd=0.001))

    assert metrics.value("quantroute_cost_estimate_error_ratio_count", pair="a") is None


@pytest.mark.parametrize("predicted", [150, 250])
def test_predicted_prompt_tokens_are_held_against_what_the_engine_counted(
    metrics: Metrics, predicted: int
) -> None:
    metrics.emit(an_answer(pair="a", prompt_tokens=200, predicted_prompt_tokens=predicted))
    metrics.emit(an_answer(pair="a", prompt_tokens=200))

    error = "quantroute_prompt_tokens_estimate_error_ratio"
    assert metrics.value(f"{error}_sum", pair="a") == pytest.approx(0.25)
    assert metrics.value(f"{error}_count", pair="a") == 1
    assert metrics.value("quantroute_predicted_prompt_tokens_total", pair="a") == predicted


def test_only_pairs_of_the_catalog_in_use_have_a_tokens_ratio(metrics: Metrics) -> None:
    metrics.emit(TokenRatiosChanged(ratios={"a": 1.1, "b": 1.0}))
    metrics.emit(TokenRatiosChanged(ratios={"a": 1.2}))

    assert metrics.value("quantroute_tokens_ratio", pair="a") == 1.2
    assert metrics.value("quantroute_tokens_ratio", pair="b") is None


def test_a_request_nobody_served_has_no_latency(metrics: Metrics) -> None:
    metrics.emit(an_answer(pair="", outcome="deadline", ttft_ms=None))

    assert metrics.value("quantroute_requests_total", pair="none", outcome="deadline") == 1
    assert metrics.value("quantroute_ttft_seconds_count", pair="none") is None
    assert metrics.value("quantroute_request_seconds_count", pair="none") is None


def test_only_the_catalog_in_use_is_shown(metrics: Metrics) -> None:
    metrics.emit(CatalogSwapped(version="1", pairs=3), CatalogSwapped(version="2", pairs=4))

    assert metrics.value("quantroute_catalog_info", version="1") is None
    assert metrics.value("quantroute_catalog_info", version="2") == 1
    assert metrics.value("quantroute_catalog_pairs") == 4


def test_profiles_are_counted_by_where_their_figures_are_from(metrics: Metrics) -> None:
    metrics.emit(
        CatalogSwapped(version="1", pairs=3, published=("a", "b", "c")),
        CatalogSwapped(version="2", pairs=4, published=("a",)),
    )

    assert metrics.value("quantroute_catalog_profiles", origin="published") == 1
    assert metrics.value("quantroute_catalog_profiles", origin="measured") == 3


def test_the_context_of_an_answer_is_its_prompt_and_its_completion(metrics: Metrics) -> None:
    metrics.emit(
        an_answer(pair="a", prompt_tokens=1_000, completion_tokens=24),
        an_answer(pair="a", prompt_tokens=1_000, completion_tokens=25),
        an_answer(pair="a", outcome="failed", prompt_tokens=9_000, completion_tokens=1),
    )

    assert metrics.value("quantroute_context_tokens_bucket", pair="a", le="768.0") == 0
    assert metrics.value("quantroute_context_tokens_bucket", pair="a", le="1024.0") == 1
    assert metrics.value("quantroute_context_tokens_bucket", pair="a", le="1536.0") == 2
    assert metrics.value("quantroute_context_tokens_count", pair="a") == 2


def test_each_sequence_of_an_answer_has_a_context_of_its_own(metrics: Metrics) -> None:
    metrics.emit(
        an_answer(pair="a", prompt_tokens=1_400, completion_tokens=1_200, prompts=2, sequences=6)
    )

    assert metrics.value("quantroute_context_tokens_bucket", pair="a", le="768.0") == 0
    assert metrics.value("quantroute_context_tokens_bucket", pair="a", le="1024.0") == 6


def test_context_buckets_reach_the_longest_windows_in_steps_of_half_at_most() -> None:
    assert CONTEXT_TOKENS[-1] == 131_072
    assert all(high <= 1.5 * low for low, high in pairwise(CONTEXT_TOKENS))


@pytest.mark.parametrize(
    ("event", "name", "labels"),
    [
        (
            AttemptFailed(pair="a", reason="capacity", detail="a is full", elapsed_ms=3),
            "quantroute_attempts_failed_total",
            {"pair": "a", "reason": "capacity"},
        ),
        (
            PoisonFound(decision="d1", pairs=("a", "b"), detail="oom"),
            "quantroute_poison_requests_total",
            {},
        ),
        (RetryBudgetSpent(pair="a"), "quantroute_retry_budget_spent_total", {}),
        (ClassifierMissed(reason="late", asked=True), "quantroute_classifier_missed_total", {}),
        (CatalogRefused(reason="no"), "quantroute_catalog_refused_total", {}),
        (StoreLost(reason="gone"), "quantroute_store_lost_total", {}),
    ],
)
def test_what_went_wrong_is_counted(
    metrics: Metrics, event: Event, name: str, labels: dict[str, str]
) -> None:
    metrics.emit(event)

    assert metrics.value(name, **labels) == 1


def test_the_exposition_is_prometheus_text(metrics: Metrics) -> None:
    body, content_type = metrics.emit(CatalogSwapped(version="7", pairs=1)).events.exposition()

    assert content_type.startswith("text/plain")
    assert b'quantroute_catalog_info{version="7"} 1.0' in body


def test_every_metric_has_the_prefix_and_a_description(metrics: Metrics) -> None:
    families = list(metrics.registry.collect())

    assert families
    assert all(family.name.startswith("quantroute_") for family in families)
    assert all(family.documentation for family in families)


def test_two_registries_do_not_share_counts() -> None:
    first, second = Metrics(), Metrics()

    first.emit(StoreLost(reason="gone"))

    assert second.value("quantroute_store_lost_total") == 0


def test_a_free_text_reason_never_becomes_a_label(metrics: Metrics) -> None:
    secret = "prompt: the launch code is 0000"
    answered: Answered = an_answer(pair="a")
    metrics.emit(
        answered,
        Routed(decision=a_decision(fallback=secret, reason=secret), overhead_ms=0.1),
        CatalogRefused(reason=secret),
        StoreLost(reason=secret),
        ClassifierMissed(reason=secret, asked=True),
    )

    assert b"launch" not in metrics.events.exposition()[0]
