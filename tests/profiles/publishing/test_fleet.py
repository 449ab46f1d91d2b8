"""Profiles against the pairs that the fleet file describes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from profiles.publishing.fleet import fleet_findings
from serve_app.core.profile import Hardware, Profile, Quantization
from serve_app.settings import PairSettings
from tests.catalogs import a_profile


def a_fleet_pair(profile: Profile) -> PairSettings:
    """The pair that `profile` was measured of."""
    return PairSettings(
        id=profile.pair,
        model=profile.model,
        checkpoint="anything",
        quantization=profile.quantization,
        hardware=profile.hardware,
        context_window=profile.context_window,
        max_concurrency=profile.max_concurrency,
    )


def test_profiles_of_the_deployed_pairs_are_not_refused() -> None:
    profile = a_profile("a")

    assert list(fleet_findings([profile], [a_fleet_pair(profile)], severity="refused")) == []


def test_a_profile_of_no_pair_names_the_pairs_that_there_are() -> None:
    (found,) = fleet_findings([a_profile("a")], [a_fleet_pair(a_profile("b"))], severity="refused")

    assert str(found).startswith("a: pair: got 'a'; the fleet file has 'b'; name its fleet file")
    assert found.severity == "refused"


@pytest.mark.parametrize(
    ("field", "deployed", "got", "allowed"),
    [
        (
            "hardware.accelerator",
            {"hardware": Hardware(accelerator="L4", count=1, usd_per_hour=0.04)},
            "'CPU' in the profile",
            "the fleet file has 'L4'",
        ),
        (
            "hardware.count",
            {"hardware": Hardware(accelerator="CPU", count=2, usd_per_hour=0.04)},
            "1 in the profile",
            "the fleet file has 2",
        ),
        (
            "hardware.usd_per_hour",
            {"hardware": Hardware(accelerator="CPU", count=1, usd_per_hour=0.08)},
            "0.04 in the profile",
            "the fleet file has 0.08",
        ),
        (
            "context_window",
            {"context_window": 512},
            "4096 in the profile",
            "the fleet file has 512",
        ),
        ("model", {"model": "large"}, "'small' in the profile", "the fleet file has 'large'"),
        (
            "quantization.weight_bits",
            {"quantization": Quantization(name="bf16", weight_bits=4, activations="bf16")},
            "16 in the profile",
            "the fleet file has 4",
        ),
    ],
)
def test_each_difference_is_named_with_both_values(
    field: str, deployed: dict[str, Any], got: str, allowed: str
) -> None:
    profile = a_profile("a")
    pair = replace(a_fleet_pair(profile), **deployed)

    (found,) = fleet_findings([profile], [pair], severity="warning")

    assert (found.field, found.got, found.allowed) == (field, got, allowed)
    assert found.severity == "warning"


def test_every_difference_of_every_profile_is_found() -> None:
    profiles = [a_profile("b"), a_profile("a")]
    other = Hardware(accelerator="T4", count=2, usd_per_hour=1)
    pairs = [replace(a_fleet_pair(each), hardware=other, context_window=64) for each in profiles]

    found = list(fleet_findings(profiles, pairs, severity="refused"))

    assert [each.pair for each in found] == ["a"] * 4 + ["b"] * 4
