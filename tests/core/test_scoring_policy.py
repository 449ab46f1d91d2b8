from __future__ import annotations

import pytest

from serve_app.core.policy import Policy, Weights
from serve_app.core.request import Preset
from tests.builders import a_policy

EVEN = Weights(accuracy=0.4, latency=0.3, cost=0.3)


def test_a_policy_without_weights_for_a_preset_is_refused_naming_it() -> None:
    with pytest.raises(ValueError, match=r"no \['batch', 'quality'\]: give accuracy, latency"):
        Policy(weights={"balanced": EVEN, "chat": EVEN}, reference_pair="pair-a")


@pytest.mark.parametrize("margin", [0.99, 0.0, -1.0, float("nan")])
def test_a_margin_that_would_better_what_others_measured_is_refused(margin: float) -> None:
    with pytest.raises(ValueError, match="it should be 1 or more"):
        a_policy(published_margin=margin)


def test_the_numeric_guard_stands_at_thirty_per_cent_unless_told() -> None:
    weights: dict[Preset, Weights] = {
        "balanced": EVEN,
        "chat": EVEN,
        "batch": EVEN,
        "quality": EVEN,
    }

    assert Policy(weights=weights, reference_pair="pair-a").numeric_guard_share == 0.30
