"""What is said of a profile before it is published."""

from __future__ import annotations

from dataclasses import replace

import pytest

from profiles.publishing.checks import findings
from serve_app.core.profile import GoldenResult
from serve_app.store.file_store import read_profiles
from tests.builders import a_profile, a_quantization
from tests.paths import REPOSITORY
from tests.profiles.publishing.findings import refused, warned


def test_a_plausible_profile_is_neither_refused_nor_warned_of() -> None:
    assert findings([a_profile()], floor=0.9) == ()


@pytest.mark.parametrize("folder", ["data", "reference"])
def test_the_shipped_profiles_can_be_published(folder: str) -> None:
    shipped = read_profiles(REPOSITORY / "profiles" / folder)

    found = findings(shipped, floor=0.15)

    assert [each for each in found if each.severity == "refused"] == []


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


def test_every_profile_and_every_reason_is_told() -> None:
    free = a_profile("b", usd_per_hour=0.0, tpot_ms=1.0, cold_start_s=0)

    found = findings([free, a_profile("a", usd_per_hour=0.0)], floor=None)

    assert [(each.pair, each.field) for each in found] == [
        ("a", "hardware.usd_per_hour"),
        ("b", "hardware.usd_per_hour"),
        ("b", "cold_start_s"),
    ]
