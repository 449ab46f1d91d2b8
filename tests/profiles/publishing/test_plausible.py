"""Speeds that cannot be true."""

from __future__ import annotations

from dataclasses import replace

import pytest

from profiles.publishing.plausible import LIMITS
from serve_app.core.fleet import ACCELERATORS
from serve_app.core.profile import (
    Grid,
    Hardware,
    LatencySurface,
    MedianError,
    Memory,
    Profile,
    Quantiles,
    Throughput,
)
from tests.builders import a_profile, a_quantity, a_quantization, a_surface
from tests.profiles.publishing.findings import refused

GB = 10**9
WEIGHTS_15_GB = Memory(weights_bytes=15 * GB, kv_cache_bytes=0, peak_bytes=0)
LEVELS, LENGTHS = (1, 4, 8), (128, 1024)


def on(accelerator: str, count: float = 1, *, weights_bytes: int, tpot_ms: float) -> Profile:
    """A pair that is alone with an accelerator; its prefill is too slow to matter."""
    return replace(
        a_profile(latency=a_surface(ttft_ms=50_000, tpot_ms=tpot_ms)),
        hardware=Hardware(accelerator=accelerator, count=count, usd_per_hour=1),
        memory=Memory(weights_bytes=weights_bytes, kv_cache_bytes=0, peak_bytes=0),
        throughput=Throughput(prefill_tokens_per_s=1, decode_tokens_per_s=(1, 1, 1)),
    )


def with_medians(
    *, ttft_ms: Grid | None = None, tpot_ms: Grid | None = None, error_ms: float | None = None
) -> Profile:
    """A surface with these medians; with `error_ms` every one of them is that sure."""
    flat = a_quantity(50.0)
    errors = ((error_ms or 0.0,) * 2,) * 3
    surface = LatencySurface(
        concurrency=LEVELS,
        prompt_tokens=LENGTHS,
        ttft_ms=_quantiles(ttft_ms) if ttft_ms else flat,
        tpot_ms=_quantiles(tpot_ms) if tpot_ms else flat,
        median_error=None
        if error_ms is None
        else MedianError(ttft_ms=errors, tpot_ms=errors, samples=((20, 20),) * 3),
    )
    rates = Throughput(prefill_tokens_per_s=1000, decode_tokens_per_s=(1, 1, 1))
    return a_profile(latency=surface, throughput=rates)


def _quantiles(medians: Grid) -> Quantiles:
    return Quantiles(p50=medians, p95=medians, p99=medians)


@pytest.mark.parametrize("accelerator", ACCELERATORS)
def test_the_limits_of_every_accelerator_are_known_with_their_source(accelerator: str) -> None:
    assert LIMITS[accelerator].source


@pytest.mark.parametrize(
    ("accelerator", "count", "weights_gb", "tpot_ms", "possible"),
    [
        ("A10G", 1, 15.0, 24.0, False),  # 15 GB at 600 GB/s are 25 ms
        ("A10G", 1, 15.0, 26.0, True),
        ("A10G", 2, 15.0, 13.0, True),
        ("A10G", 2, 15.0, 12.0, False),
        ("A10G", 0.5, 15.0, 26.0, True),
        ("A100-40G", 1, 15.0, 9.0, False),
        ("A100-80G", 1, 15.0, 9.0, True),
        ("H100", 1, 140.0, 40.0, False),
        ("CPU", 0.66, 0.27, 40.0, True),
        ("CPU", 0.66, 270.0, 40.0, False),
    ],
)
def test_a_token_takes_at_least_as_long_as_reading_the_weights(
    accelerator: str, count: float, weights_gb: float, tpot_ms: float, possible: bool
) -> None:
    profile = on(accelerator, count, weights_bytes=int(weights_gb * GB), tpot_ms=tpot_ms)

    assert (refused(profile) == []) is possible


def test_what_is_faster_than_memory_says_by_how_much_and_what_to_do() -> None:
    (found,) = refused(on("A10G", weights_bytes=15 * GB, tpot_ms=10))

    assert str(found) == (
        "pair-a: latency.tpot_ms.p50[0][0]: got 10 ms per token at 1 at once with 128 prompt "
        "tokens; it should be at least 25 ms, in which 1 x A10G reads 15 GB of weights at 600 GB/s "
        "(NVIDIA A10G data sheet), and less than that at 5 other loads; measure again on this "
        "accelerator; where a token reads fewer weights, as in a mixture of experts, say so in "
        "memory.read_bytes_per_token"
    )


@pytest.mark.parametrize(
    "memory",
    [
        replace(WEIGHTS_15_GB, read_bytes_per_token=3 * GB),
        replace(WEIGHTS_15_GB, weights_loaded_bytes=3 * GB),
    ],
)
def test_a_pair_that_reads_fewer_weights_may_be_faster(memory: Memory) -> None:
    profile = on("A10G", weights_bytes=15 * GB, tpot_ms=10)
    assert refused(profile)

    assert refused(replace(profile, memory=memory)) == []


def test_no_load_makes_a_token_cheaper_than_reading_the_weights() -> None:
    profile = on("A10G", weights_bytes=15 * GB, tpot_ms=26)
    busy = replace(a_quantity(26.0), p50=((26, 26), (26, 26), (24, 26)))

    (found,) = refused(replace(profile, latency=replace(profile.latency, tpot_ms=busy)))

    assert found.field == "latency.tpot_ms.p50[2][0]"
    assert "other loads" not in str(found)


@pytest.mark.parametrize(("activations", "possible"), [("bf16", False), ("int8", True)])
def test_prompts_cannot_be_read_faster_than_the_accelerator_computes(
    activations: str, possible: bool
) -> None:
    # 8 billion weights on an A10G: at most 70e12 / (2 x 8e9 x a half) = 8,750 tokens per second,
    # and twice that with 8-bit activations.
    rates = Throughput(prefill_tokens_per_s=10_000, decode_tokens_per_s=(1, 1, 1))
    profile = replace(
        on("A10G", weights_bytes=16 * GB, tpot_ms=30),
        throughput=rates,
        quantization=a_quantization(activations="int8" if activations == "int8" else "bf16"),
    )

    assert ([found.field for found in refused(profile)] == []) is possible


def test_a_first_token_cannot_come_before_its_prompt_was_computed() -> None:
    profile = on("A10G", weights_bytes=16 * GB, tpot_ms=30)
    instant = replace(profile.latency, ttft_ms=a_quantity(60.0))

    (found,) = refused(replace(profile, latency=instant))

    assert found.field == "latency.ttft_ms.p50[0][1]"
    assert "got 1.707e+04 prompt tokens per second" in str(found)


def test_an_accelerator_nobody_knows_limits_nothing() -> None:
    assert refused(on("other", weights_bytes=1000 * GB, tpot_ms=0.01)) == []


@pytest.mark.parametrize(
    ("medians", "error_ms", "possible"),
    [
        (((50, 60), (45, 60), (50, 60)), None, True),
        (((50, 60), (39, 60), (50, 60)), None, False),
        (((50, 60), (46, 60), (41, 60)), None, True),
        (((50, 60), (44, 60), (38, 60)), None, False),
        (((50, 60), (47, 60), (50, 60)), 1.0, False),
        (((50, 60), (47, 60), (50, 60)), 2.0, True),
        (((50, 60), (48, 60), (50, 60)), 0.1, True),
        (((50, 30), (50, 60), (50, 60)), None, False),
    ],
    ids=[
        "within the tolerance",
        "beyond it",
        "little by little within it",
        "little by little beyond it",
        "beyond both errors",
        "within both errors",
        "sure but tiny",
        "with longer prompts",
    ],
)
@pytest.mark.parametrize("quantity", ["ttft_ms", "tpot_ms"])
def test_latency_that_falls_as_load_grows_is_refused_beyond_noise(
    quantity: str, medians: Grid, error_ms: float | None, possible: bool
) -> None:
    profile = (
        with_medians(ttft_ms=medians, error_ms=error_ms)
        if quantity == "ttft_ms"
        else with_medians(tpot_ms=medians, error_ms=error_ms)
    )

    assert (refused(profile) == []) is possible


def test_a_fall_names_both_places() -> None:
    (found,) = refused(with_medians(tpot_ms=((50, 60), (52, 61), (30, 61))))

    assert found.field == "latency.tpot_ms.p50[2][0]"
    assert "got 30 ms at 8 at once with 128 prompt tokens" in str(found)
    assert "below 52 ms at 4 at once with 128 prompt tokens by more than noise" in str(found)


def test_more_tokens_per_second_than_the_latency_allows_would_make_a_false_price() -> None:
    rates = Throughput(prefill_tokens_per_s=1000, decode_tokens_per_s=(50, 100, 1001))

    (found,) = refused(a_profile(tpot_ms=10.0, throughput=rates))

    assert found.field == "throughput.decode_tokens_per_s[2]"
    assert "at most about 800: 8 at once, each a token every 10 ms" in str(found)
