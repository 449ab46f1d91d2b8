"""Two ingress replicas over one real store: a policy in use, refused, and taken back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from profiles.publishing.publish import commit, draft_policy, draft_rollback
from serve_app.core.events import CatalogRefused, CatalogSwapped
from serve_app.core.policy import PublishedPolicy
from serve_app.core.ports import ProfileStore
from serve_app.store.codec import encode_catalog, publication
from serve_app.store.watch import CatalogWatch
from serve_app.testing import MemoryStore
from tests.gateways import CATALOG, GatewayUnderTest, a_request, gateway_under_test
from tests.policies import switching_off
from tests.redis_server import RedisServer
from tests.store.contracts.stores import InFolder, InRedis, StoreUnderTest
from tests.waiting import GIVE_UP_S


@pytest.fixture(params=["folder", "redis"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> StoreUnderTest:
    if request.param == "folder":
        return InFolder(tmp_path / "store")
    server: RedisServer = request.getfixturevalue("redis_server")
    return InRedis(server.url)


@pytest.fixture
async def publisher(place: StoreUnderTest) -> AsyncIterator[ProfileStore]:
    store = place.open()
    await store.publish(CATALOG, by="ci")
    yield store
    await store.close()


@asynccontextmanager
async def two_replicas(place: StoreUnderTest) -> AsyncIterator[list[GatewayUnderTest]]:
    replicas = [gateway_under_test(catalog=None) for _ in range(2)]
    async with AsyncExitStack() as stack:
        for replica in replicas:
            store = place.open()
            stack.push_async_callback(store.close)
            fleet = [pair.id for pair in replica.gateway.pairs]
            watch = CatalogWatch(store, replica.catalog, fleet=fleet, events=replica.events)
            task = asyncio.create_task(watch.run())
            stack.callback(task.cancel)
            await replica.events.wait_for(CatalogSwapped)
        yield replicas


async def chosen(replicas: list[GatewayUnderTest]) -> list[tuple[str | None, str | None]]:
    """The pair and the version of the policy at each replica."""
    decisions = [(await replica.gateway.explain(a_request())).decision for replica in replicas]
    return [(decision.chosen, decision.policy_version) for decision in decisions]


async def published(policy: PublishedPolicy, store: ProfileStore) -> str:
    draft = await draft_policy(policy, store)
    return await commit(draft, store, by="ci")


async def both(replicas: list[GatewayUnderTest], event: type, *, count: int) -> None:
    """Waits until every replica has seen `count` of `event`."""
    async with asyncio.timeout(GIVE_UP_S):
        for replica in replicas:
            await replica.events.wait_for(event, count=count)


async def test_a_policy_is_in_use_at_both_and_taken_back(
    place: StoreUnderTest, publisher: ProfileStore
) -> None:
    async with two_replicas(place) as replicas:
        before = await chosen(replicas)

        off = switching_off("cheap")
        assert await published(off, publisher) == "2"
        await both(replicas, CatalogSwapped, count=2)
        during = await chosen(replicas)

        draft = await draft_rollback(publisher)
        assert await commit(draft, publisher, by="ci") == "3"
        await both(replicas, CatalogSwapped, count=3)
        after = await chosen(replicas)

    assert before == [("cheap", None)] * 2
    assert during == [("dear", "2")] * 2
    assert after == [("cheap", None)] * 2
    assert (await publisher.load()).policy is None


async def test_a_policy_that_leaves_no_pair_is_refused_by_both_and_the_last_one_stays(
    place: StoreUnderTest, publisher: ProfileStore
) -> None:
    async with two_replicas(place) as replicas:
        await published(switching_off("cheap"), publisher)
        await both(replicas, CatalogSwapped, count=2)

        # Past the checks of `quantroute publish`.
        bad = replace(CATALOG, policy=switching_off("cheap", "dear"))
        assert await publisher.publish(bad, by="somebody") == "3"
        await both(replicas, CatalogRefused, count=1)
        during = await chosen(replicas)
        refusals = [replica.gateway.status.catalog_refusal() for replica in replicas]

        await publisher.publish(CATALOG, by="somebody")
        await both(replicas, CatalogSwapped, count=3)

    assert during == [("dear", "2")] * 2
    assert all("policy.pairs: it switches off all pairs" in str(refusal) for refusal in refusals)
    assert [replica.gateway.status.catalog_refusal() for replica in replicas] == [None, None]


async def test_a_field_that_no_router_knows_is_refused_by_both(
    place: StoreUnderTest, publisher: ProfileStore
) -> None:
    async with two_replicas(place) as replicas:
        await published(switching_off("cheap"), publisher)
        await both(replicas, CatalogSwapped, count=2)
        active = await publisher.load()
        version = publication(active, "3", by="somebody", note="", restores=None)
        document = json.loads(encode_catalog(active, version))
        document["policy"]["surge"] = 2.0
        await place.set_by_hand(json.dumps(document))
        await both(replicas, CatalogRefused, count=1)

        assert await chosen(replicas) == [("dear", "2")] * 2
        for replica in replicas:
            assert "policy.surge" in str(replica.gateway.status.catalog_refusal())


async def test_a_cold_start_with_a_bad_policy_uses_the_fallback_catalog() -> None:
    store, fallback, replica = MemoryStore(), MemoryStore(), gateway_under_test(catalog=None)
    await store.publish(replace(CATALOG, policy=switching_off("cheap", "dear")), by="ci")
    await fallback.publish(CATALOG, by="ci")
    watch = CatalogWatch(
        store, replica.catalog, fleet=("cheap", "dear"), events=replica.events, fallback=fallback
    )
    task = asyncio.create_task(watch.run())
    await replica.events.wait_for(CatalogSwapped)
    task.cancel()

    (refused,) = replica.events.of(CatalogRefused)
    assert "switches off all pairs" in refused.reason
    assert await chosen([replica]) == [("cheap", None)]
