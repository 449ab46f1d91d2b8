"""What cannot be true of a profile, and what is said of it before it is published."""

from __future__ import annotations

from dataclasses import replace

import pytest

from profiles.publishing.checks import findings
from profiles.publishing.finding import Finding
from profiles.publishing.floor import items_to_pass
from profiles.publishing.limits import LIMITS
from serve_app.accelerators import ACCELERATORS
from serve_app.adapters.store_file import read_profiles
from serve_app.core.profile import (
    GoldenResult,
    Grid,
    Hardware,
    LatencySurface,
    MedianError,
    Memory,
    Profile,
    Quantiles,
    TaskAccuracy,
    Throughput,
)
from tests.builders import a_profile, a_quantity, a_quantization, a_surface
from tests.paths import REPOSITORY

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


def refused(profile: Profile, *, floor: float | None = None) -> list[Finding]:
    return [found for found in findings([profile], floor=floor) if found.severity == "refused"]


def warned(profile: Profile, *, floor: float | None = None) -> list[Finding]:
    return [found for found in findings([profile], floor=floor) if found.severity == "warning"]


def test_a_plausible_profile_is_neither_refused_nor_warned_of() -> None:
    assert findings([a_profile()], floor=0.9) == ()


@pytest.mark.parametrize("folder", ["data", "reference"])
def test_the_shipped_profiles_can_be_published(folder: str) -> None:
    shipped = read_profiles(REPOSITORY / "profiles" / folder)

    found = findings(shipped, floor=0.15)

    assert [each for each in found if each.severity == "refused"] == []


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


def test_a_pair_without_a_price_is_refused() -> None:
    (found,) = refused(a_profile(usd_per_hour=0.0))

    assert found.field == "hardware.usd_per_hour"
    assert "always be the cheapest" in str(found)


@pytest.mark.parametrize(("bits", "parent"), [(8, None), (16, "small-bf16")])
def test_a_quantized_pair_without_a_golden_verdict_is_warned_of(
    bits: float, parent: str | None
) -> None:
    quantization = replace(a_quantization(), weight_bits=bits)
    profile = replace(a_profile(), quantization=quantization, parent=parent)

    assert [found.field for found in warned(profile)] == ["golden"]
    assert warned(replace(profile, golden=GoldenResult(passed=True))) == []


def test_figures_of_others_are_said_to_be_so() -> None:
    provenance = replace(a_profile().provenance, origin="published")

    (found,) = warned(replace(a_profile(), provenance=provenance))

    assert "nothing here was measured on your hardware" in str(found)


def test_a_start_that_takes_no_time_is_warned_of() -> None:
    assert [found.field for found in warned(a_profile(cold_start_s=0))] == ["cold_start_s"]


def with_items(mean: float, lower: float, items: int) -> Profile:
    return a_profile(accuracy={"code": TaskAccuracy(mean=mean, lower=lower, items=items)})


@pytest.mark.parametrize(("floor", "items"), [(0.9, 35), (0.95, 73), (0.99, 381), (0.15, 1)])
def test_a_higher_floor_needs_more_items(floor: float, items: int) -> None:
    assert items_to_pass(floor) == items


def test_items_on_which_even_a_perfect_pair_misses_the_floor_are_refused() -> None:
    (found,) = refused(with_items(1.0, 0.86, 24), floor=0.9)

    assert "got code 1.000 (0.860 to 1.000) on 24 items" in str(found)
    assert "a floor of 0.9 needs at least 35 items" in str(found)


@pytest.mark.parametrize(
    ("mean", "lower", "items"), [(0.5, 0.31, 24), (0.97, 0.93, 200), (0.95, 0.9, 300)]
)
def test_an_interval_on_one_side_of_the_floor_decides_it(
    mean: float, lower: float, items: int
) -> None:
    assert findings([with_items(mean, lower, items)], floor=0.9) == ()


def test_an_interval_around_the_floor_says_how_many_items_would_decide() -> None:
    (found,) = warned(with_items(0.92, 0.85, 100), floor=0.9)

    assert "code 0.920 (0.850 to 0.959) on 100 items" in str(found)
    assert found.advice == "to decide it would take about 1225 items (code)"


def test_an_accuracy_that_is_the_floor_itself_is_never_decided() -> None:
    (found,) = warned(with_items(0.9, 0.82, 100), floor=0.9)

    assert "more items than there can be (code)" in found.advice


def test_without_a_floor_the_number_of_items_decides_nothing() -> None:
    assert findings([with_items(1.0, 0.86, 24)], floor=None) == ()


def test_every_profile_and_every_reason_is_told() -> None:
    free = a_profile("b", usd_per_hour=0.0, tpot_ms=1.0, cold_start_s=0)

    found = findings([free, a_profile("a", usd_per_hour=0.0)], floor=None)

    assert [(each.pair, each.field) for each in found] == [
        ("a", "hardware.usd_per_hour"),
        ("b", "hardware.usd_per_hour"),
        ("b", "cold_start_s"),
    ]
