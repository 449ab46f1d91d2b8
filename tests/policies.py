"""Published policies for tests, and catalogs that carry them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from serve_app.core.catalog import Catalog
from serve_app.core.policy import PairPolicy, PublishedPolicy

OFF = PairPolicy(enabled=False)


def switching_off(*pairs: str, **fields: Any) -> PublishedPolicy:
    return PublishedPolicy(pairs=dict.fromkeys(pairs, OFF), **fields)


def with_policy(catalog: Catalog, policy: PublishedPolicy, version: str = "7") -> Catalog:
    """The catalog as if `policy` had been published in `version`."""
    return replace(catalog, policy=policy, policy_version=version)
