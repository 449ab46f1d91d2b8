"""Samples become a profile."""

from __future__ import annotations

from dataclasses import replace

import pytest

from profiles.evaluation.run import Accuracy
from profiles.failures import MeasurementUnusable
from profiles.measuring.fit import fit_profile, fit_surface, fit_throughput
from serve_app.core.profile import Provenance
from serve_app.core.soundness import profile_problems
from tests.profiles.samples import a_measurement, a_point, an_accuracy

NOW = Provenance(origin="measured", date="2026-11-22", command="quantroute profile")


def test_a_fitted_profile_is_sound() -> None:
    profile = fit_profile(a_measurement(), parent=None, provenance=NOW)

    assert profile_problems(profile) == ()


def test_a_profile_carries_what_was_measured_under_the_pairs_name() -> None:
    profile = fit_profile(a_measurement(), parent=None, provenance=NOW)

    assert (profile.pair, profile.engine, profile.engine_version) == ("tiny-bf16", "vllm", "0.32.0")
    assert profile.memory.peak_bytes == 5000
    assert profile.cold_start_s == pytest.approx(30.0)
    assert profile.provenance == NOW


def test_quantiles_are_those_of_the_samples() -> None:
    point = replace(a_point(), ttft_ms=tuple(float(ms) for ms in range(101)))

    surface = fit_surface([point])

    assert surface.ttft_ms.p50 == ((50.0,),)
    assert surface.ttft_ms.p95 == ((95.0,),)
    assert surface.ttft_ms.p99 == ((99.0,),)


def test_the_surface_is_indexed_by_concurrency_then_prompt_length_in_any_order_of_points() -> None:
    points = [
        a_point(concurrency=8, prompt_tokens=512, ttft_ms=800),
        a_point(concurrency=1, prompt_tokens=512, ttft_ms=200),
        a_point(concurrency=8, prompt_tokens=64, ttft_ms=300),
        a_point(concurrency=1, prompt_tokens=64, ttft_ms=50),
    ]

    surface = fit_surface(points)

    assert (surface.concurrency, surface.prompt_tokens) == ((1, 8), (64, 512))
    (short_alone, long_alone), (short_busy, long_busy) = surface.ttft_ms.p50
    assert short_alone < long_alone < short_busy * 2 < long_busy


def test_a_faster_busy_point_is_kept_as_measured() -> None:
    points = [a_point(concurrency=1, tpot_ms=40), a_point(concurrency=4, tpot_ms=30)]

    (alone,), (busy,) = fit_surface(points).tpot_ms.p50

    assert busy < alone


def test_the_prefill_rate_is_the_further_tokens_over_the_further_wait() -> None:
    points = [
        replace(a_point(prompt_tokens=64), ttft_ms=(100.0,) * 8),
        replace(a_point(prompt_tokens=512), ttft_ms=(300.0,) * 8),
    ]

    assert fit_throughput(points).prefill_tokens_per_s == pytest.approx(2240)


def test_output_rates_follow_concurrency_and_are_those_of_the_shortest_prompts() -> None:
    points = [
        a_point(concurrency=4, prompt_tokens=64, output_tokens_per_s=90),
        a_point(concurrency=1, prompt_tokens=512, ttft_ms=250, output_tokens_per_s=20),
        a_point(concurrency=1, prompt_tokens=64, output_tokens_per_s=30),
        a_point(concurrency=4, prompt_tokens=512, output_tokens_per_s=50),
    ]

    assert fit_throughput(points).decode_tokens_per_s == (30, 90)


def test_long_prompts_answered_no_later_than_short_ones_are_refused() -> None:
    noisy = [a_point(prompt_tokens=64, ttft_ms=90), a_point(prompt_tokens=512, ttft_ms=80)]

    with pytest.raises(MeasurementUnusable, match=r"machine is too busy.*longer prompts"):
        fit_throughput(noisy)


def test_one_prompt_length_gives_no_prefill_rate() -> None:
    with pytest.raises(MeasurementUnusable, match="needs two prompt lengths; only 64 tokens"):
        fit_throughput([a_point(concurrency=1), a_point(concurrency=4)])


def test_failed_requests_spoil_a_profile() -> None:
    with pytest.raises(MeasurementUnusable, match="2 requests failed at concurrency 4 with 64"):
        fit_surface([a_point(), a_point(concurrency=4, failed_requests=2)])


def test_a_handful_of_samples_is_refused() -> None:
    with pytest.raises(MeasurementUnusable, match=r"5 samples .* at least 8"):
        fit_surface([a_point(samples=5)])


@pytest.mark.parametrize(
    ("own", "parents", "relative"),
    [(0.45, an_accuracy(0.5), 0.9), (0.45, None, None), (0.45, an_accuracy(0.0), None)],
    ids=["to a parent", "no parent measured", "a parent that knows nothing"],
)
def test_accuracy_is_related_to_the_parents(
    own: float, parents: Accuracy | None, relative: float | None
) -> None:
    measured = a_measurement(accuracy=an_accuracy(own), parent="tiny-bf16")

    profile = fit_profile(measured, parent=parents, provenance=NOW)

    assert profile.relative_accuracy == relative
