"""Fixtures for more than one folder, and how property tests search."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from tests.browser import browser, chromium
from tests.redis_server import redis_server

__all__ = ["browser", "chromium", "redis_server"]

# The suite tries the same examples every time. `make fuzz` searches at random for new ones. A busy
# machine is no failure, so no example has a deadline.
ANY_SPEED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("suite", ANY_SPEED, derandomize=True, max_examples=100)
settings.register_profile("fuzz", ANY_SPEED, max_examples=2_000)
settings.load_profile("suite")
