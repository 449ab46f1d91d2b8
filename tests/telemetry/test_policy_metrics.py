"""Which policy is in use, as metrics and log lines."""

from __future__ import annotations

import json
import logging

import pytest
from prometheus_client import CollectorRegistry

from serve_app.core.events import CatalogSwapped
from serve_app.telemetry.catalog_metrics import CatalogMetrics
from serve_app.telemetry.log_events import LogEvents

FILE = CatalogSwapped(version="1", pairs=3)
PUBLISHED = CatalogSwapped(version="8", pairs=3, policy="7", switched_off=("a", "b"))


def test_one_policy_at_a_time_is_in_use() -> None:
    registry = CollectorRegistry()
    metrics = CatalogMetrics(registry)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, labels)

    metrics.emit(FILE)
    assert value("quantroute_policy_info", version="file") == 1
    assert value("quantroute_pairs_switched_off") == 0

    metrics.emit(PUBLISHED)
    assert value("quantroute_policy_info", version="7") == 1
    assert value("quantroute_policy_info", version="file") is None
    assert value("quantroute_pairs_switched_off") == 2


def test_the_log_names_the_policy_and_the_pairs_that_are_off(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        LogEvents(logging.getLogger("test")).emit(PUBLISHED)

    swapped, off = (json.loads(record.getMessage()) for record in caplog.records)
    assert (swapped["event"], swapped["policy"]) == ("catalog_swapped", "7")
    assert off == {"event": "pairs_switched_off", "policy": "7", "pairs": "a, b"}
