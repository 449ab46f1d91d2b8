"""Samples become a profile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from profiles.errors import MeasurementUnusable
from profiles.evaluation import Outcome
from profiles.profiling.fit import fit_profile, fit_surface, fit_throughput
from profiles.profiling.point import Point, Round
from profiles.profiling.run_folder import RunFolder
from serve_app.core.profile import Profile, Provenance
from serve_app.core.profile_checks import profile_problems
from tests.profiles.profiling.runs import a_finished_run, a_plan
from tests.profiles.samples import a_point, a_round, outcomes

NOW = Provenance(origin="measured", date="2026-11-22", command="quantroute profile")


def fitted(
    folder: Path,
    *,
    answers: tuple[Outcome, ...] = outcomes(1.0, 0.0),
    parent: tuple[Outcome, ...] = (),
    benchmarks: tuple[str, ...] = (),
    utilization: float = 0.6,
) -> Profile:
    plan = replace(a_plan(folder).measured, benchmarks=benchmarks)
    spec = a_finished_run(folder, plan, answers)
    run = RunFolder(folder)
    return fit_profile(spec, plan, run, parent=parent, utilization=utilization, provenance=NOW)


def test_a_fitted_profile_is_sound(tmp_path: Path) -> None:
    assert profile_problems(fitted(tmp_path)) == ()


def test_a_profile_carries_what_the_run_measured_under_the_pairs_name(tmp_path: Path) -> None:
    profile = fitted(tmp_path)

    assert (profile.pair, profile.engine, profile.engine_version) == ("tiny-bf16", "vllm", "0.32.0")
    assert profile.latency.tpot_ms.p50 == ((20.0, 20.0),)
    assert profile.accuracy["overall"].mean == 0.5
    assert (profile.memory.peak_bytes, profile.memory.weights_bytes) == (5000, 8)
    assert profile.cold_start_s == pytest.approx(30.0)
    assert profile.provenance == replace(NOW, machine="a machine")


def test_a_profile_has_the_benchmarks_that_this_run_asks_for(tmp_path: Path) -> None:
    for names in (("gsm8k",), ()):
        folder = tmp_path / f"with-{len(names)}"
        folder.mkdir()
        assert tuple(fitted(folder, benchmarks=names).benchmarks) == names


def test_quantiles_are_those_of_the_samples_of_all_rounds() -> None:
    halves = [
        replace(a_round(samples=size), ttft_ms=tuple(float(ms) for ms in range(start, 101, 2)))
        for start, size in ((0, 51), (1, 50))
    ]

    surface = fit_surface([Point(concurrency=1, prompt_tokens=64, rounds=tuple(halves))])

    assert surface.ttft_ms.p50 == ((50.0,),)
    assert surface.ttft_ms.p95 == ((95.0,),)
    assert surface.ttft_ms.p99 == ((99.0,),)


def test_the_whole_answer_has_quantiles_and_a_mean_length() -> None:
    surface = fit_surface([a_point(ttft_ms=50, tpot_ms=20)])

    assert surface.output_tokens == 11
    assert surface.e2e_ms is not None
    assert surface.e2e_ms.p50[0][0] == pytest.approx(250, rel=0.02)


def test_medians_come_with_how_sure_they_are() -> None:
    calm = a_point(concurrency=1, rounds=2)
    rounds = (a_round(ttft_ms=50), a_round(ttft_ms=70))
    torn = replace(a_point(concurrency=2), rounds=rounds)

    error = fit_surface([calm, torn]).median_error

    assert error is not None
    assert error.samples == ((40,), (40,))
    (calm_ms,), (torn_ms,) = error.ttft_ms
    assert calm_ms < 1 < 10 <= torn_ms


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


def waiting(ttft_ms: float) -> Round:
    return replace(a_round(samples=8), ttft_ms=(ttft_ms,) * 8)


def test_the_prefill_rate_is_the_further_tokens_over_the_further_wait() -> None:
    points = [
        Point(concurrency=1, prompt_tokens=64, rounds=(waiting(100.0),)),
        Point(concurrency=1, prompt_tokens=512, rounds=(waiting(300.0),)),
    ]

    assert fit_throughput(points, 0.6).prefill_tokens_per_s == pytest.approx(2240)


def test_output_rates_follow_concurrency_and_are_those_of_the_shortest_prompts() -> None:
    points = [
        a_point(concurrency=4, prompt_tokens=64, ttft_ms=50, tpot_ms=20),
        a_point(concurrency=1, prompt_tokens=512, ttft_ms=250, tpot_ms=40),
        a_point(concurrency=1, prompt_tokens=64, ttft_ms=50, tpot_ms=20),
        a_point(concurrency=4, prompt_tokens=512, ttft_ms=900, tpot_ms=80),
    ]

    alone, busy = fit_throughput(points, 0.6).decode_tokens_per_s

    # 11 tokens in about 250 ms, four at a time.
    assert alone == pytest.approx(44, rel=0.02)
    assert busy == pytest.approx(4 * alone, rel=0.001)


def test_long_prompts_answered_no_later_than_short_ones_are_refused() -> None:
    noisy = [a_point(prompt_tokens=64, ttft_ms=90), a_point(prompt_tokens=512, ttft_ms=80)]

    with pytest.raises(MeasurementUnusable, match=r"machine is too busy.*longer prompts"):
        fit_throughput(noisy, 0.6)


def test_one_prompt_length_gives_no_prefill_rate() -> None:
    with pytest.raises(MeasurementUnusable, match="needs two prompt lengths; only 64 tokens"):
        fit_throughput([a_point(concurrency=1), a_point(concurrency=4)], 0.6)


def test_a_handful_of_samples_is_refused() -> None:
    with pytest.raises(MeasurementUnusable, match=r"5 samples .* at least 8"):
        fit_surface([a_point(samples=5)])


@pytest.mark.parametrize(
    ("parents", "relative"),
    [((1.0, 1.0, 0.0), 0.5), ((), None), ((0.0, 0.0, 0.0), None)],
    ids=["to a parent", "no parent measured", "a parent that knows nothing"],
)
def test_accuracy_is_related_to_the_parents(
    tmp_path: Path, parents: tuple[float, ...], relative: float | None
) -> None:
    profile = fitted(tmp_path, answers=outcomes(1.0, 0.0, 0.0), parent=outcomes(*parents))

    assert profile.relative_accuracy == relative


def test_a_loss_against_the_parent_is_counted_item_by_item(tmp_path: Path) -> None:
    profile = fitted(tmp_path, answers=outcomes(1.0, 0.0, 0.0), parent=outcomes(1.0, 1.0, 0.0))

    change = profile.against_parent["overall"]
    assert (change.lost, change.won, change.items) == (1, 0, 3)
    assert change.change == pytest.approx(-1 / 3)


def test_the_stated_utilization_is_what_prices_follow(tmp_path: Path) -> None:
    assert fitted(tmp_path, utilization=0.25).throughput.utilization == 0.25
