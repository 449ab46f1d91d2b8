from __future__ import annotations

from dataclasses import replace
from math import inf, nan

import pytest

from serve_app.core.profile import LatencySurface, MedianError, Profile, Quantiles, Throughput
from serve_app.core.profile_checks import profile_problems
from tests.builders import a_grid, a_profile, a_quantity, a_surface, an_accuracy


def with_surface(surface: LatencySurface) -> Profile:
    return a_profile(latency=surface)


def with_ttft(ttft_ms: Quantiles) -> Profile:
    return a_profile(ttft_ms=ttft_ms)


def test_a_sound_profile_has_no_problems() -> None:
    assert profile_problems(a_profile(ttft_ms=a_quantity(1, 2, 3))) == ()


def test_slots_fewer_than_the_last_measured_concurrency_are_no_problem() -> None:
    assert profile_problems(a_profile(max_concurrency=2)) == ()


@pytest.mark.parametrize(
    ("profile", "problem"),
    [
        pytest.param(
            with_surface(replace(a_surface(), concurrency=(1, 4, 4))),
            "latency.concurrency: [1, 4, 4] must be strictly ascending",
            id="an axis that stands still",
        ),
        pytest.param(
            with_surface(replace(a_surface(), prompt_tokens=(1024, 128))),
            "latency.prompt_tokens: [1024, 128] must be strictly ascending",
            id="an axis that falls",
        ),
        pytest.param(
            with_ttft(replace(a_quantity(1), p50=a_grid(1, rows=2))),
            "latency.ttft_ms.p50: has 2 rows; latency.concurrency has 3 values",
            id="a row too few",
        ),
        pytest.param(
            with_ttft(replace(a_quantity(1), p99=((1, 1), (1, 1, 1), (1, 1)))),
            "latency.ttft_ms.p99[1]: has 3 values; latency.prompt_tokens has 2",
            id="a column too many",
        ),
        pytest.param(
            with_ttft(replace(a_quantity(5), p95=((5, 5), (5, 4), (5, 5)))),
            "latency.ttft_ms.p95[1][1]: 4 is below p50, 5",
            id="a p95 below the median",
        ),
        pytest.param(
            a_profile(tpot_ms=a_quantity(1, 3, 2)),
            "latency.tpot_ms.p99[0][0]: 2 is below p95, 3",
            id="a p99 below the p95",
        ),
        pytest.param(
            with_ttft(replace(a_quantity(1), p99=((1, 1), (1, inf), (1, 1)))),
            "latency.ttft_ms.p99[1][1]: inf is not a finite number",
            id="an infinite latency",
        ),
        pytest.param(
            a_profile(
                throughput=Throughput(prefill_tokens_per_s=1, decode_tokens_per_s=(1.0, 2.0))
            ),
            "throughput.decode_tokens_per_s: has 2 values; latency.concurrency has 3, "
            "and each needs one",
            id="a rate too few",
        ),
        pytest.param(
            a_profile(
                throughput=Throughput(prefill_tokens_per_s=1, decode_tokens_per_s=(1, 2, nan))
            ),
            "throughput.decode_tokens_per_s[2]: nan is not a finite number",
            id="a rate that is no number",
        ),
        pytest.param(
            a_profile(cold_start_s=inf), "cold_start_s: inf is not a finite number", id="never up"
        ),
        pytest.param(
            replace(a_profile(), relative_accuracy=nan),
            "relative_accuracy: nan is not a finite number",
            id="a relative accuracy that is no number",
        ),
        pytest.param(
            a_profile(accuracy=nan),
            "accuracy.overall.mean: nan is not a finite number",
            id="an accuracy that is no number",
        ),
        pytest.param(
            a_profile(accuracy=0.8, lower=0.9),
            "accuracy.overall: lower 0.9 is above mean 0.8",
            id="a lower bound above the mean",
        ),
        pytest.param(
            replace(a_profile(), accuracy={"code": an_accuracy(0.5)}),
            "accuracy: has ['code'] but not 'overall', over all items",
            id="no overall accuracy",
        ),
        pytest.param(
            a_profile(context_window=1024),
            "context_window: 1024 tokens leave no room for an answer to the longest measured "
            "prompt, 1024 tokens",
            id="a window as short as a measured prompt",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_path(profile: Profile, problem: str) -> None:
    assert problem in profile_problems(profile)


def test_each_error_of_a_median_is_a_finite_number_on_the_grid() -> None:
    zeros = a_grid(0.0, rows=3)
    error = MedianError(
        ttft_ms=((0.0, 0.0), (0.0, inf), (0.0, 0.0)), tpot_ms=zeros[:2], samples=((9, 9),) * 3
    )

    problems = profile_problems(with_surface(replace(a_surface(), median_error=error)))

    assert problems == (
        "latency.median_error.ttft_ms[1][1]: inf is not a finite number",
        "latency.median_error.tpot_ms: has 2 rows; latency.concurrency has 3 values",
    )


def test_the_time_of_a_whole_answer_needs_the_length_of_the_answer() -> None:
    surface = replace(a_surface(), e2e_ms=a_quantity(100), output_tokens=None)

    (problem,) = profile_problems(with_surface(surface))

    assert "output_tokens" in problem


def test_everything_wrong_is_said_at_once() -> None:
    profile = a_profile(accuracy=0.8, lower=0.9, ttft_ms=a_quantity(2, 1), cold_start_s=nan)

    paths = {problem.split(":")[0].split("[")[0] for problem in profile_problems(profile)}

    assert paths == {"accuracy.overall", "latency.ttft_ms.p95", "cold_start_s"}
