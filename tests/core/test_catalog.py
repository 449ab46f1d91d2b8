from __future__ import annotations

import pytest

from serve_app.core.catalog import Catalog
from serve_app.core.cost import Usage
from serve_app.core.profile import Throughput
from tests.builders import a_catalog, a_profile


def test_two_profiles_of_one_pair_are_refused() -> None:
    with pytest.raises(ValueError, match="two profiles for pair 'pair-a'"):
        Catalog.of("v1", [a_profile("pair-a"), a_profile("pair-a")])


def test_a_catalog_holds_its_profiles_in_order() -> None:
    catalog = a_catalog(a_profile("b"), a_profile("a"))

    assert len(catalog) == 2
    assert [profile.pair for profile in catalog] == ["b", "a"]


def test_a_catalog_cannot_be_changed() -> None:
    catalog = a_catalog(a_profile("a"))

    with pytest.raises(TypeError, match="does not support item assignment"):
        catalog.profiles["b"] = a_profile("b")  # type: ignore[index]


def test_a_pair_s_tokens_are_priced_at_its_best_measured_rates() -> None:
    profile = a_profile(
        usd_per_hour=3.6,
        throughput=Throughput(
            prefill_tokens_per_s=1000, decode_tokens_per_s=(50, 200, 100), utilization=0.5
        ),
    )
    price = a_catalog(profile).prices["pair-a"]

    # 3.6 USD an hour, busy half the time, is 0.002 USD a busy second.
    assert price.cost_usd(Usage(prompt_tokens=1000, completion_tokens=0)) == pytest.approx(0.002)
    assert price.cost_usd(Usage(prompt_tokens=0, completion_tokens=200)) == pytest.approx(0.002)
