from __future__ import annotations

from serve_app.core.breaker import BreakerSettings
from serve_app.core.fleet import Load
from serve_app.state.breakers import Breakers
from serve_app.testing import ManualClock

IDLE = Load(ready_replicas=1)


def with_broken(*broken: str) -> Breakers:
    breakers = Breakers(["a", "b"], BreakerSettings(failures_to_open=1), ManualClock())
    for pair in broken:
        breakers.failed(pair)
    return breakers


def test_only_pairs_that_may_not_be_tried_are_marked() -> None:
    loads = with_broken("b").merged_into({"a": IDLE, "b": IDLE})

    assert [pair for pair, load in loads.items() if load.breaker_open] == ["b"]


def test_a_broken_pair_whose_load_nobody_knows_stays_unknown() -> None:
    assert with_broken("a", "b").merged_into({"a": IDLE}).keys() == {"a"}
