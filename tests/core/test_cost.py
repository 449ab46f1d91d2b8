"""The price of a token: what a replica costs, or what an endpoint charges."""

from __future__ import annotations

from dataclasses import replace

import pytest

from serve_app.core.cost import TokenPrice, Usage
from serve_app.core.profile import PerTokenPrice
from tests.builders import a_profile


def test_what_an_endpoint_charges_comes_before_what_hardware_costs() -> None:
    profile = a_profile(usd_per_hour=100)
    charged = replace(profile.hardware, usd_per_mtok=PerTokenPrice(input=0.5, output=2))
    price = TokenPrice.of(replace(profile, hardware=charged))
    assert price == TokenPrice(usd_per_mtok_in=0.5, usd_per_mtok_out=2)
    usage = Usage(prompt_tokens=2_000_000, completion_tokens=1_000_000)
    assert price.cost_usd(usage) == pytest.approx(3)


def test_an_endpoint_may_be_free() -> None:
    profile = a_profile(usd_per_hour=100)
    free = replace(profile.hardware, usd_per_mtok=PerTokenPrice(input=0, output=0))
    price = TokenPrice.of(replace(profile, hardware=free))
    assert price.cost_usd(Usage(prompt_tokens=10, completion_tokens=10)) == 0
