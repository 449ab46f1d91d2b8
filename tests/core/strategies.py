"""Random but sound values, for properties that must hold of all of them."""

from __future__ import annotations

from itertools import accumulate

from hypothesis import strategies as st

from serve_app.core.fleet import Load, Pair
from serve_app.core.profile import GoldenResult, Grid, LatencySurface, Profile, Quantiles
from serve_app.core.request import Capability, Constraints, Features
from tests.builders import CONCURRENCY, PROMPT_TOKENS, a_classification, a_pair, a_profile, features

CAPABILITY_SETS: st.SearchStrategy[frozenset[Capability]] = st.frozensets(
    st.sampled_from(("tools", "json_schema", "logprobs"))
)


def _sum(one: Grid, other: Grid) -> Grid:
    return tuple(
        tuple(a + b for a, b in zip(*rows, strict=True)) for rows in zip(one, other, strict=True)
    )


@st.composite
def rising_grids(draw: st.DrawFn) -> Grid:
    """Never falls with concurrency or with prompt length."""
    steps = st.floats(0.1, 100)
    rows = [list(accumulate(draw(steps) for _ in PROMPT_TOKENS)) for _ in CONCURRENCY]
    return tuple(
        tuple(sum(column) for column in zip(*rows[: i + 1], strict=True)) for i in range(len(rows))
    )


@st.composite
def rising_quantiles(draw: st.DrawFn) -> Quantiles:
    p50 = draw(rising_grids())
    p95 = _sum(p50, draw(rising_grids()))
    return Quantiles(p50=p50, p95=p95, p99=_sum(p95, draw(rising_grids())))


@st.composite
def rising_surfaces(draw: st.DrawFn) -> LatencySurface:
    return LatencySurface(
        concurrency=CONCURRENCY,
        prompt_tokens=PROMPT_TOKENS,
        ttft_ms=draw(rising_quantiles()),
        tpot_ms=draw(rising_quantiles()),
    )


@st.composite
def profiles(draw: st.DrawFn, pair: str) -> Profile:
    lower, mean = sorted((draw(st.floats(0, 1)), draw(st.floats(0, 1))))
    return a_profile(
        pair,
        accuracy=mean,
        lower=lower,
        latency=draw(rising_surfaces()),
        usd_per_hour=draw(st.sampled_from((0.0, 0.5, 1.0, 4.0))),
        context_window=draw(st.sampled_from((512, 2048, 8192))),
        max_concurrency=draw(st.integers(1, 16)),
        tokens_ratio=draw(st.sampled_from((0.8, 1.0, 1.3))),
        golden=draw(st.sampled_from((None, GoldenResult(passed=True), GoldenResult(passed=False)))),
    )


loads = st.builds(
    Load,
    ready_replicas=st.integers(0, 3),
    starting_replicas=st.integers(0, 1),
    max_replicas=st.integers(0, 4),
    in_flight=st.integers(0, 60),
    breaker_open=st.sampled_from((False, False, False, True)),
)


@st.composite
def pairs(draw: st.DrawFn, id: str) -> Pair:
    capabilities: frozenset[Capability] = draw(CAPABILITY_SETS)
    return a_pair(
        id,
        activations=draw(st.sampled_from(("bf16", "fp8"))),
        context_window=draw(st.sampled_from((512, 4096))),
        capabilities=capabilities,
    )


@st.composite
def requests(draw: st.DrawFn) -> Features:
    short, long = sorted((draw(st.integers(1, 300)), draw(st.integers(1, 300))))
    needs: frozenset[Capability] = draw(st.sampled_from((frozenset(), frozenset({"tools"}))))
    return features(
        prompt_tokens=draw(st.integers(0, 1000)),
        max_tokens=draw(st.none() | st.integers(1, 500)),
        needs=needs,
        classification=a_classification(
            output_tokens=short,
            output_tokens_p95=long,
            numeric_share=draw(st.sampled_from((0.0, 0.5))),
        ),
        stream=draw(st.booleans()),
    )


constraints = st.builds(
    Constraints,
    latency_budget_ms=st.none() | st.floats(1, 100_000),
    ttft_budget_ms=st.none() | st.floats(1, 5_000),
    min_accuracy=st.none() | st.floats(0, 1),
    max_cost_usd=st.none() | st.floats(1e-7, 1e-1),
    deadline_quantile=st.floats(0.5, 0.99),
    preset=st.sampled_from(("balanced", "chat", "batch", "quality")),
    on_infeasible=st.sampled_from(("best_effort", "refuse")),
)
