"""The fleet file's policy may change while a catalog is in use."""

from __future__ import annotations

from dataclasses import replace

import pytest

from serve_app.core.errors import CatalogInvalid
from serve_app.core.policy import PublishedPolicy, Weights
from serve_app.core.request import Constraints
from serve_app.testing import Script
from tests.gateways import CATALOG, SETTINGS, a_request, gateway_under_test, whole
from tests.policies import switching_off, with_policy

COST_ONLY, ACCURACY_ONLY = (
    Weights(accuracy=0, latency=0, cost=1),
    Weights(accuracy=1, latency=0, cost=0),
)
FILE = replace(SETTINGS.policy, weights={**SETTINGS.policy.weights, "chat": ACCURACY_ONLY})


def test_it_holds_where_nothing_published_states_otherwise() -> None:
    published = PublishedPolicy(weights={"batch": COST_ONLY})
    live = gateway_under_test(catalog=with_policy(CATALOG, published)).catalog

    live.set_policy(FILE)

    policy = live.snapshot.policy
    assert (policy.weights["chat"], policy.weights["batch"]) == (ACCURACY_ONLY, COST_ONLY)
    assert policy.version == "7"


def test_it_holds_under_the_next_publications_too() -> None:
    live = gateway_under_test(catalog=None).catalog
    live.set_policy(FILE)

    live.publish(CATALOG)

    assert live.snapshot.policy == FILE


async def test_corrections_by_usage_stay() -> None:
    under_test = gateway_under_test({"cheap": Script(prompt_tokens=34)})
    for _ in range(50):
        await under_test.clock.advance(0.1)
        await whole(under_test, a_request(countable="word " * 10))
    before = under_test.catalog.current

    under_test.catalog.set_policy(FILE)

    assert before is not None
    assert before.added_tokens
    assert under_test.catalog.current == before


def test_one_that_the_published_policy_contradicts_changes_nothing() -> None:
    published = switching_off("cheap", defaults=Constraints(min_accuracy=0.1))
    live = gateway_under_test(catalog=with_policy(CATALOG, published)).catalog
    before = live.snapshot

    with pytest.raises(CatalogInvalid, match="no pair of 'cheap' is on"):
        live.set_policy(replace(FILE, static_fallback=("cheap",)))

    assert live.snapshot == before
    live.publish(CATALOG)
    assert live.snapshot.policy == SETTINGS.policy
