from __future__ import annotations

from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.profile import LatencySurface, Quantiles
from serve_app.core.surface import read_surface, z_score
from tests.core.strategies import rising_surfaces

RISING = LatencySurface(
    concurrency=(1, 3),
    prompt_tokens=(100, 200),
    ttft_ms=Quantiles(
        p50=((10, 20), (30, 60)), p95=((20, 40), (60, 120)), p99=((30, 60), (90, 180))
    ),
    tpot_ms=Quantiles(p50=((8, 8), (4, 4)), p95=((8, 8), (4, 4)), p99=((8, 8), (4, 4))),
)


def ttft_ms(concurrency: float, prompt_tokens: int, quantile: float = 0.5) -> float:
    return read_surface(
        RISING, concurrency=concurrency, prompt_tokens=prompt_tokens, z=z_score(quantile)
    ).ttft_ms


@pytest.mark.parametrize(
    ("concurrency", "prompt_tokens", "expected_ms"),
    [
        pytest.param(1, 100, 10, id="a measured point reads as measured"),
        pytest.param(3, 200, 60, id="so does the last one"),
        pytest.param(2, 100, 20, id="half way along concurrency"),
        pytest.param(1, 150, 15, id="half way along prompt length"),
        pytest.param(2, 150, 30, id="the middle of a cell is the mean of its corners"),
        pytest.param(0.2, 100, 10, id="below the least concurrency the edge holds"),
        pytest.param(1, 0, 10, id="below the shortest prompt the edge holds"),
        pytest.param(5, 100, 50, id="beyond the last concurrency the slope goes on"),
        pytest.param(1, 300, 30, id="beyond the longest prompt the slope goes on"),
        pytest.param(5, 300, 150, id="beyond both"),
    ],
)
def test_median_is_read_between_below_and_beyond(
    concurrency: float, prompt_tokens: int, expected_ms: float
) -> None:
    assert ttft_ms(concurrency, prompt_tokens) == pytest.approx(expected_ms)


@pytest.mark.parametrize(
    ("quantile", "expected_ms"), [(0.5, 10), (0.95, 20), (0.99, 30)], ids=["p50", "p95", "p99"]
)
def test_measured_quantiles_read_as_measured(quantile: float, expected_ms: float) -> None:
    assert ttft_ms(1, 100, quantile) == pytest.approx(expected_ms)


def test_quantiles_of_a_normal_quantity_read_as_that_normal() -> None:
    normal = NormalDist(mu=100, sigma=10)
    cells = {f"p{p}": ((normal.inv_cdf(p / 100),),) for p in (50, 95, 99)}
    quantity = Quantiles(**cells)
    surface = LatencySurface(
        concurrency=(1,), prompt_tokens=(100,), ttft_ms=quantity, tpot_ms=quantity
    )

    for quantile in (0.5, 0.6, 0.84, 0.95, 0.975, 0.99):
        latency = read_surface(surface, concurrency=9, prompt_tokens=900, z=z_score(quantile))
        assert latency.ttft_ms == pytest.approx(normal.inv_cdf(quantile))
        assert latency.tpot_p50_ms == pytest.approx(100)


@pytest.mark.parametrize("concurrency", [3, 4, 400])
def test_a_falling_slope_is_never_followed_beyond_the_edge(concurrency: int) -> None:
    latency = read_surface(RISING, concurrency=concurrency, prompt_tokens=100, z=0.0)

    assert latency.tpot_ms == 4


def test_a_slope_falling_with_prompt_length_is_not_followed_either() -> None:
    falling = Quantiles(p50=((9, 5),), p95=((9, 5),), p99=((9, 5),))
    surface = LatencySurface(
        concurrency=(1,), prompt_tokens=(100, 200), ttft_ms=falling, tpot_ms=falling
    )

    assert read_surface(surface, concurrency=1, prompt_tokens=1000, z=0.0).ttft_ms == 5


def test_quantiles_that_cross_beyond_the_grid_are_kept_in_order() -> None:
    crossing = Quantiles(p50=((10, 20),), p95=((19, 21),), p99=((22, 22),))
    surface = LatencySurface(
        concurrency=(1,), prompt_tokens=(100, 200), ttft_ms=crossing, tpot_ms=crossing
    )

    medians, p95s, p99s = (
        read_surface(surface, concurrency=1, prompt_tokens=500, z=z_score(quantile)).ttft_ms
        for quantile in (0.5, 0.95, 0.99)
    )

    assert medians == p95s == p99s == 50


@given(
    surface=rising_surfaces(),
    concurrency=st.floats(0.1, 200),
    more=st.floats(0, 200),
    prompt_tokens=st.integers(0, 1024),
    quantile=st.floats(0.5, 0.99),
)
def test_more_load_never_reads_faster_where_prompts_were_measured(
    surface: LatencySurface, concurrency: float, more: float, prompt_tokens: int, quantile: float
) -> None:
    z = z_score(quantile)
    quiet = read_surface(surface, concurrency=concurrency, prompt_tokens=prompt_tokens, z=z)
    busy = read_surface(surface, concurrency=concurrency + more, prompt_tokens=prompt_tokens, z=z)

    assert all(after >= before - 1e-6 for before, after in zip(quiet, busy, strict=True))


@given(
    surface=rising_surfaces(),
    concurrency=st.floats(0.1, 200),
    prompt_tokens=st.integers(0, 100_000),
    quantiles=st.tuples(st.floats(0.5, 0.99), st.floats(0.5, 0.99)).map(sorted),
)
def test_a_higher_quantile_never_reads_faster(
    surface: LatencySurface, concurrency: float, prompt_tokens: int, quantiles: list[float]
) -> None:
    sure, surer = (
        read_surface(
            surface, concurrency=concurrency, prompt_tokens=prompt_tokens, z=z_score(quantile)
        )
        for quantile in quantiles
    )

    assert surer.ttft_ms >= sure.ttft_ms - 1e-6
    assert surer.tpot_ms >= sure.tpot_ms - 1e-6
    assert sure.ttft_ms >= sure.ttft_p50_ms
