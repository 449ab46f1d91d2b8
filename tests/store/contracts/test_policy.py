"""Every store keeps a policy with the profiles that it was published with."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from serve_app.core.errors import CatalogInvalid
from serve_app.core.policy import PairPolicy, PublishedPolicy, Weights
from serve_app.core.ports import ProfileStore
from serve_app.core.request import Constraints
from serve_app.store.codec import encode_catalog, publication
from tests.catalogs import a_catalog
from tests.policies import OFF, switching_off, with_policy
from tests.store.contracts.stores import StoreUnderTest

POLICY = PublishedPolicy(
    weights={"chat": Weights(accuracy=0.1, latency=0.2, cost=0.7)},
    defaults=Constraints(latency_budget_ms=None, min_accuracy=0.5, preset="chat"),
    static_fallback=("a", "b"),
    numeric_guard_share=0.2,
    published_margin=1.5,
    default_max_tokens=256,
    pairs={
        "a": PairPolicy(usd_per_hour=0.5, default_max_tokens=64),
        "c": OFF,
    },
)


async def test_a_policy_comes_back_as_it_was_published(store: ProfileStore) -> None:
    version = await store.publish(replace(a_catalog("a"), policy=POLICY), by="ci")

    loaded = await store.load()

    assert (loaded.policy, loaded.policy_version) == (POLICY, version)
    assert loaded == await store.version(version)


async def test_a_catalog_without_a_policy_has_none(store: ProfileStore) -> None:
    await store.publish(a_catalog("a"), by="ci")

    assert ((await store.load()).policy, (await store.load()).policy_version) == (None, None)


async def test_a_policy_keeps_its_version_with_other_profiles(store: ProfileStore) -> None:
    await store.publish(replace(a_catalog("a"), policy=POLICY), by="ci")
    first = await store.load()

    await store.publish(replace(first, profiles=a_catalog("a", "b").profiles), by="ci")

    second = await store.load()
    assert (second.version, second.policy_version, second.policy) == ("2", "1", POLICY)
    assert [each.policy_version for each in await store.history()] == ["1", "1"]


async def test_the_history_says_which_versions_have_a_policy(store: ProfileStore) -> None:
    await store.publish(a_catalog("a"), by="ci")
    await store.publish(replace(a_catalog("a"), policy=POLICY), by="ci")

    assert [each.policy_version for each in await store.history()] == ["2", None]


async def test_a_bad_policy_is_not_published(store: ProfileStore) -> None:
    await store.publish(a_catalog("a"), by="ci")
    bad = PublishedPolicy(weights={"batch": Weights(accuracy=0, latency=0, cost=0)})

    with pytest.raises(CatalogInvalid, match=r"policy\.weights\.batch"):
        await store.publish(replace(a_catalog("a"), policy=bad), by="ci")

    assert (await store.load()).version == "1"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"policy": {"wieghts": {}}}, "policy.wieghts"),
        (
            {"policy": {"weights": {"chat": {"accuracy": -1, "latency": 0, "cost": 1}}}},
            "policy.weig",
        ),
        (
            {"policy": {"weights": {"x": {"accuracy": 1, "latency": 0, "cost": 1}}}},
            "policy.weights.x",
        ),
        ({"policy": {"pairs": {"a": {"enabled": "no"}}}}, "policy.pairs.a.enabled"),
        ({"policy": {"defaults": {"latency_ms": 1}}}, "policy.defaults.latency_ms"),
        ({"policy": {"static_fallback": []}}, "policy.static_fallback"),
        ({"policy": None}, "stand together"),
        ({"policy_version": None}, "stand together"),
    ],
    ids=["field", "negative", "preset", "switch", "default", "fallback", "no policy", "no version"],
)
async def test_a_bad_policy_set_by_hand_is_refused_with_its_field(
    place: StoreUnderTest,
    open_store: Callable[[], ProfileStore],
    change: dict[str, object],
    problem: str,
) -> None:
    catalog = with_policy(a_catalog("a"), switching_off("b"))
    version = publication(catalog, "7", by="ci", note="", restores=None)
    document = json.loads(encode_catalog(catalog, version))
    await place.set_by_hand(json.dumps({**document, **change}))

    with pytest.raises(CatalogInvalid) as caught:
        await open_store().load()

    assert problem in str(caught.value)
