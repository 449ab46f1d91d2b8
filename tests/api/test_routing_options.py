from __future__ import annotations

from dataclasses import fields

from serve_app.api.routing_options import HEADERS, constraints_of
from serve_app.core.request import Constraints

DEFAULTS = Constraints(latency_budget_ms=400, min_accuracy=0.9, preset="chat")


def test_what_a_request_does_not_ask_comes_from_the_defaults() -> None:
    assert constraints_of([], None, DEFAULTS) == DEFAULTS


def test_headers_and_body_add_up() -> None:
    asked = constraints_of(
        [(b"x-latency-budget-ms", b" 250 "), (b"x-on-infeasible", b"refuse")],
        {"preset": "quality", "max_cost_usd": 1},
        DEFAULTS,
    )

    assert asked == Constraints(
        latency_budget_ms=250,
        min_accuracy=0.9,
        max_cost_usd=1,
        preset="quality",
        on_infeasible="refuse",
    )


def test_null_takes_a_default_away() -> None:
    asked = constraints_of([], {"latency_budget_ms": None, "min_accuracy": None}, DEFAULTS)

    assert asked == Constraints(preset="chat")


def test_every_constraint_has_a_header() -> None:
    assert set(HEADERS.values()) == {field.name for field in fields(Constraints)}
