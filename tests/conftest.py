"""Fixtures for more than one folder."""

from __future__ import annotations

from tests.browser import browser, chromium
from tests.redis_server import redis_server

__all__ = ["browser", "chromium", "redis_server"]
