"""Fixtures for more than one folder, how property tests search, and what runs side by side."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from tests.browser import browser, chromium
from tests.redis_server import redis_server
from tests.side_by_side import EnginesOneByOne, starts_engines

__all__ = ["browser", "chromium", "redis_server"]

# The suite tries the same examples every time. `make fuzz` searches at random for new ones. A busy
# machine is no failure, so no example has a deadline.
ANY_SPEED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("suite", ANY_SPEED, derandomize=True, max_examples=100)
settings.register_profile("fuzz", ANY_SPEED, max_examples=2_000)
settings.load_profile("suite")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with engines start first, because they take longest."""
    items.sort(key=lambda item: not starts_engines(item.nodeid.partition("::")[0]))


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> EnginesOneByOne:
    return EnginesOneByOne(config, log)
