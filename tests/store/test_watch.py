"""Hot reload without a process started: what the watch does with each thing a store may do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field, replace

import pytest

from serve_app.background import RetryDelays
from serve_app.core.catalog import Catalog
from serve_app.core.events import CatalogRefused, CatalogSwapped, StoreLost
from serve_app.core.profile import Provenance
from serve_app.state.live_catalog import LiveCatalog
from serve_app.store.watch import CatalogWatch
from serve_app.testing import ManualClock, MemoryStore, RecordingEvents
from tests.builders import a_policy
from tests.catalogs import a_catalog, a_profile


@dataclass
class Bench:
    """A watch on a store in memory, with time in the test's hands."""

    store: MemoryStore = field(default_factory=MemoryStore)
    fallback: MemoryStore = field(default_factory=MemoryStore)
    events: RecordingEvents = field(default_factory=RecordingEvents)
    clock: ManualClock = field(default_factory=ManualClock)
    waits_s: list[float] = field(default_factory=list)
    fleet: frozenset[str] = frozenset({"a", "b", "good", "stored", "fallback"})

    def __post_init__(self) -> None:
        self.catalog = LiveCatalog(self.clock, self.events, policy=a_policy(), pairs=())
        self.watch = CatalogWatch(
            self.store,
            self.catalog,
            fleet=self.fleet,
            events=self.events,
            fallback=self.fallback,
            delays=RetryDelays(first_s=1, longest_s=4, jitter=0.5),
            chance=lambda: 0.0,
            sleep=self._sleep,
        )
        self._asleep = asyncio.Event()

    async def until_it_waits(self, times: int) -> None:
        while len(self.waits_s) < times:
            self._asleep.clear()
            await self._asleep.wait()

    async def let_the_wait_pass(self) -> None:
        await self.clock.advance(self.waits_s[-1])

    async def _sleep(self, seconds: float) -> None:
        self.waits_s.append(seconds)
        self._asleep.set()
        await self.clock.sleep(seconds)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    async with asyncio.timeout(10):
        yield bench


def start(bench: Bench, tasks: asyncio.TaskGroup) -> asyncio.Task[None]:
    return tasks.create_task(bench.watch.run())


async def test_there_is_no_catalog_before_the_watch_runs(bench: Bench) -> None:
    await bench.store.publish(a_catalog(), by="ci")

    assert bench.catalog.current is None


async def test_the_stores_catalog_is_used_once_settled(bench: Bench) -> None:
    await bench.store.publish(a_catalog("a"), by="ci")
    async with asyncio.TaskGroup() as tasks:
        running = start(bench, tasks)

        await bench.watch.settled()

        assert bench.catalog.current == a_catalog("a", version="1")
        assert bench.events.of(CatalogSwapped) == [CatalogSwapped(version="1", pairs=1)]
        running.cancel()


async def test_a_publication_is_swapped_in_as_one(bench: Bench) -> None:
    await bench.store.publish(a_catalog("a"), by="ci")
    async with asyncio.TaskGroup() as tasks:
        running = start(bench, tasks)
        await bench.watch.settled()
        held = bench.catalog.current

        await bench.store.publish(a_catalog("b"), by="ci")
        await bench.events.wait_for(CatalogSwapped, count=2)

        assert bench.catalog.current == a_catalog("b", version="2")
        assert held == a_catalog("a", version="1")
        running.cancel()


async def test_an_unchanged_catalog_is_not_swapped_again(bench: Bench) -> None:
    await bench.store.publish(a_catalog("a"), by="ci")
    async with asyncio.TaskGroup() as tasks:
        running = start(bench, tasks)
        await bench.watch.settled()

        bench.store.go_down()
        await bench.until_it_waits(1)
        bench.store.come_back()
        await bench.let_the_wait_pass()
        bench.store.put("{")
        await bench.events.wait_for(CatalogRefused)

        assert len(bench.events.of(CatalogSwapped)) == 1
        running.cancel()


async def test_a_bad_catalog_is_refused_and_the_last_good_one_stays(bench: Bench) -> None:
    await bench.store.publish(a_catalog("good"), by="ci")
    async with asyncio.TaskGroup() as tasks:
        running = start(bench, tasks)
        await bench.watch.settled()

        bench.store.put('{"schema": 7}')
        refused = await bench.events.wait_for(CatalogRefused)

        assert "schema: got 7; it should be 1" in refused.reason
        assert bench.catalog.current == a_catalog("good", version="1")
        running.cancel()


async def test_a_lost_store_leaves_the_last_good_catalog(bench: Bench) -> None:
    await bench.store.publish(a_catalog("good"), by="ci")
    await bench.fallback.publish(a_catalog("fallback"), by="build")
    async with asyncio.TaskGroup() as tasks:
        running = start(bench, tasks)
        await bench.watch.settled()

        bench.store.go_down()
        lost = await bench.events.wait_for(StoreLost)

        assert "down" in lost.reason
        assert bench.catalog.current == a_catalog("good", version="1")
        running.cancel()


async def test_a_cold_start_without_the_store_uses_the_fallback_catalog(bench: Bench) -> None:
    bench.store.go_down()
    await bench.fallback.publish(a_catalog("fallback"), by="build")
    async with asyncio.TaskGroup() as tasks:
        running = start(bench, tasks)

        await bench.watch.settled()

        assert bench.catalog.current == a_catalog("fallback", version="1")
        running.cancel()


@pytest.mark.parametrize("text", ["{", '{"schema": 7}'])
async def test_a_cold_start_on_a_bad_catalog_uses_the_fallback_one(bench: Bench, text: str) -> None:
    bench.store.put(text)
    await bench.fallback.publish(a_catalog("fallback"), by="build")
    async with asyncio.TaskGroup() as tasks:
        running = start(bench, tasks)

        await bench.watch.settled()

        assert bench.catalog.current == a_catalog("fallback", version="1")
        assert len(bench.events.of(CatalogRefused)) == 1
        running.cancel()


@pytest.mark.parametrize("fallback_text", [None, "{"])
async def test_with_no_usable_catalog_anywhere_it_settles_on_none(
    bench: Bench, fallback_text: str | None
) -> None:
    if fallback_text is not None:
        bench.fallback.put(fallback_text)
    async with asyncio.TaskGroup() as tasks:
        running = start(bench, tasks)

        await bench.watch.settled()

        assert bench.catalog.current is None
        running.cancel()


async def test_the_store_takes_over_from_the_fallback_catalog_when_it_is_back(bench: Bench) -> None:
    await bench.store.publish(a_catalog("stored"), by="ci")
    await bench.fallback.publish(a_catalog("fallback"), by="build")
    bench.store.go_down()
    async with asyncio.TaskGroup() as tasks:
        running = start(bench, tasks)
        await bench.until_it_waits(1)

        bench.store.come_back()
        await bench.let_the_wait_pass()
        await bench.events.wait_for(CatalogSwapped, count=2)

        assert bench.catalog.current == a_catalog("stored", version="1")
        running.cancel()


async def test_a_long_outage_is_told_once_and_tried_ever_more_slowly(bench: Bench) -> None:
    bench.store.go_down()
    await bench.fallback.publish(a_catalog("fallback"), by="build")
    async with asyncio.TaskGroup() as tasks:
        running = start(bench, tasks)

        for outage in range(1, 5):
            await bench.until_it_waits(outage)
            await bench.let_the_wait_pass()
        await bench.until_it_waits(5)

        assert bench.waits_s == [1, 2, 4, 4, 4]
        assert len(bench.events.of(StoreLost)) == 1
        running.cancel()


async def test_an_outage_without_a_fallback_catalog_is_told_once_of_each(bench: Bench) -> None:
    bench.store.go_down()
    bench.fallback.go_down()
    async with asyncio.TaskGroup() as tasks:
        running = start(bench, tasks)

        for outage in range(1, 4):
            await bench.until_it_waits(outage)
            await bench.let_the_wait_pass()
        await bench.until_it_waits(4)

        assert len(bench.events.of(StoreLost)) == 2
        running.cancel()


class BuggyStore(MemoryStore):
    """Fails once in a way no store should."""

    def __init__(self) -> None:
        super().__init__()
        self._failed = False

    async def load(self) -> Catalog:
        if not self._failed:
            self._failed = True
            raise ZeroDivisionError("a bug")
        return await super().load()


async def test_a_bug_in_a_store_does_not_end_the_watch(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(store=BuggyStore())
    await bench.store.publish(a_catalog("a"), by="ci")
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        running = start(bench, tasks)
        lost = await bench.events.wait_for(StoreLost)
        await bench.until_it_waits(1)

        await bench.let_the_wait_pass()
        await bench.events.wait_for(CatalogSwapped)

        assert lost.reason == "ZeroDivisionError: a bug"
        assert "ZeroDivisionError" in caplog.text
        running.cancel()


class WatchedStore(MemoryStore):
    """Knows whether its watchers have let go."""

    watchers = 0

    async def changes(self) -> AsyncGenerator[None, None]:
        self.watchers += 1
        try:
            async for _ in super().changes():
                yield
        finally:
            self.watchers -= 1


async def test_a_cancelled_watch_ends_and_lets_go_of_the_store() -> None:
    store = WatchedStore()
    bench = Bench(store=store)
    await store.publish(a_catalog("a"), by="ci")
    running = asyncio.create_task(bench.watch.run())
    await bench.watch.settled()
    assert store.watchers == 1

    running.cancel()
    await asyncio.wait([running])

    assert running.cancelled()
    assert store.watchers == 0


async def test_a_swap_tells_which_profiles_were_published_by_others(bench: Bench) -> None:
    provenance = Provenance(origin="published", date="2026-01-01")
    elsewhere = replace(a_profile("b"), provenance=provenance)
    await bench.store.publish(Catalog.of("new", [a_profile("a"), elsewhere]), by="ci")
    async with asyncio.TaskGroup() as tasks:
        running = start(bench, tasks)
        await bench.watch.settled()

        assert bench.events.of(CatalogSwapped) == [
            CatalogSwapped(version="1", pairs=2, published=("b",))
        ]
        running.cancel()


async def test_a_catalog_of_another_fleet_is_refused_and_the_last_good_one_stays(
    bench: Bench,
) -> None:
    await bench.store.publish(a_catalog("good"), by="ci")
    async with asyncio.TaskGroup() as tasks:
        running = start(bench, tasks)
        await bench.watch.settled()

        await bench.store.publish(a_catalog("elsewhere"), by="ci")
        refused = await bench.events.wait_for(CatalogRefused)

        assert "covers none of this fleet's pairs" in refused.reason
        assert "'elsewhere'" in refused.reason
        assert "'good'" in refused.reason
        assert bench.catalog.current == a_catalog("good", version="1")
        assert bench.catalog.refusal == refused.reason
        running.cancel()


async def test_a_catalog_that_covers_one_pair_of_the_fleet_is_used(bench: Bench) -> None:
    await bench.store.publish(a_catalog("elsewhere", "a"), by="ci")
    async with asyncio.TaskGroup() as tasks:
        running = start(bench, tasks)

        await bench.watch.settled()

        assert bench.catalog.current == a_catalog("elsewhere", "a", version="1")
        running.cancel()


async def test_a_cold_start_on_a_catalog_of_another_fleet_uses_the_fallback_one(
    bench: Bench,
) -> None:
    await bench.store.publish(a_catalog("elsewhere"), by="ci")
    await bench.fallback.publish(a_catalog("fallback"), by="build")
    async with asyncio.TaskGroup() as tasks:
        running = start(bench, tasks)

        await bench.watch.settled()

        assert bench.catalog.current == a_catalog("fallback", version="1")
        assert bench.catalog.refusal is not None
        assert "'elsewhere'" in bench.catalog.refusal
        running.cancel()


async def test_with_catalogs_of_other_fleets_alone_it_settles_on_none(bench: Bench) -> None:
    await bench.store.publish(a_catalog("elsewhere"), by="ci")
    await bench.fallback.publish(a_catalog("abroad"), by="build")
    async with asyncio.TaskGroup() as tasks:
        running = start(bench, tasks)

        await bench.watch.settled()

        assert bench.catalog.current is None
        assert len(bench.events.of(CatalogRefused)) == 2
        running.cancel()


async def test_a_refusal_ends_when_the_store_goes_back_to_the_catalog_in_use(bench: Bench) -> None:
    good = await bench.store.publish(a_catalog("good"), by="ci")
    async with asyncio.TaskGroup() as tasks:
        running = start(bench, tasks)
        await bench.watch.settled()
        await bench.store.publish(a_catalog("elsewhere"), by="ci")
        await bench.events.wait_for(CatalogRefused)

        await bench.store.publish(await bench.store.version(good), by="ci", restores=good)
        await bench.events.wait_for(CatalogSwapped, count=2)
        await asyncio.sleep(0)

        assert bench.catalog.refusal is None
        running.cancel()
