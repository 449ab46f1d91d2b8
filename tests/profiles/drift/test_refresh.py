"""The weekly run, over a profiler and a gate that say what they are told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from profiles.drift.change import Tolerances
from profiles.drift.refresh import CATALOG, Refreshed, Rules, refresh
from profiles.drift.report import write_refreshed
from profiles.profiling.profile_file import read_profile
from profiles.profiling.profiler import Failed
from profiles.publishing.publish import commit, draft_folder
from serve_app.core.catalog import Catalog
from serve_app.core.decide import decide
from serve_app.core.errors import CatalogReplaced, StoreUnavailable
from serve_app.core.profile import GoldenResult, Profile
from serve_app.core.request import Constraints
from serve_app.testing import MemoryStore
from tests import builders
from tests.builders import a_profile
from tests.profiles.drift.fakes import PASSED, ScriptedGate, ScriptedProfiler
from tests.profiles.samples import a_spec

RULES = Rules(tolerances=Tolerances(latency=0.1, latency_unsure=0.2, demote=0.25))


class Bench:
    """A store, and a run in a folder."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.store = MemoryStore()
        self.gate = ScriptedGate()

    async def published(self, *profiles: Profile) -> None:
        await self.store.publish(Catalog.of("x", profiles), by="ci")

    async def run(
        self, *profiles: Profile, failed: tuple[Failed, ...] = (), store: MemoryStore | None = None
    ) -> Refreshed:
        names = [profile.pair for profile in profiles] + [each.pair for each in failed]
        return await refresh(
            [a_spec(name) for name in names],
            store or self.store,
            profiler=ScriptedProfiler(*profiles, failed=failed, folder=self.out / "measured"),
            gate=self.gate,
            rules=RULES,
            out=self.out,
            by="weekly",
        )

    async def active(self, pair: str) -> Profile:
        return (await self.store.load()).profiles[pair]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def actions(refreshed: Refreshed) -> dict[str, str]:
    return {outcome.pair: outcome.action for outcome in refreshed.outcomes}


async def test_a_first_run_publishes_every_pair_that_passes(bench: Bench) -> None:
    refreshed = await bench.run(a_profile("a"), a_profile("b"))

    assert actions(refreshed) == {"a": "added", "b": "added"}
    assert (refreshed.against, refreshed.version) == (None, "1")
    assert (await bench.active("a")).golden == PASSED


async def test_the_history_says_who_refreshed_and_what_became_of_the_pairs(bench: Bench) -> None:
    await bench.published(a_profile("a"))

    await bench.run(a_profile("a", tpot_ms=20), a_profile("b"))

    newest = (await bench.store.history())[0]
    assert (newest.by, newest.note) == ("weekly", "refresh: 1 added, 1 demoted")


async def test_figures_that_stand_are_kept_with_the_new_verdict(bench: Bench) -> None:
    await bench.published(a_profile("a", tpot_ms=10))

    refreshed = await bench.run(a_profile("a", tpot_ms=11))

    assert actions(refreshed) == {"a": "unchanged"}
    active = await bench.active("a")
    assert active.latency == a_profile(tpot_ms=10).latency
    assert active.golden == PASSED


async def test_small_steps_for_the_worse_add_up_until_they_count(bench: Bench) -> None:
    await bench.published(a_profile("a", tpot_ms=10))

    steps = [actions(await bench.run(a_profile("a", tpot_ms=tpot)))["a"] for tpot in (11, 12, 13)]

    assert steps == ["unchanged", "unchanged", "demoted"]


async def test_what_the_fleet_file_says_is_new_even_where_figures_stand(bench: Bench) -> None:
    await bench.published(a_profile("a", usd_per_hour=1))

    await bench.run(a_profile("a", usd_per_hour=2, tpot_ms=10.5))

    active = await bench.active("a")
    assert active.hardware.usd_per_hour == 2
    assert active.latency == a_profile().latency


async def test_figures_that_moved_within_bounds_are_published(bench: Bench) -> None:
    await bench.published(a_profile("a", tpot_ms=10))

    faster = await bench.run(a_profile("a", tpot_ms=5))

    assert actions(faster) == {"a": "updated"}
    assert await bench.active("a") == replace(a_profile("a", tpot_ms=5), golden=PASSED)


async def test_figures_that_cannot_be_compared_are_published(bench: Bench) -> None:
    await bench.published(a_profile("a"))

    refreshed = await bench.run(replace(a_profile("a"), engine_version="0.33.0"))

    assert actions(refreshed) == {"a": "updated"}


async def test_a_pair_that_got_much_slower_is_published_as_not_eligible_and_says_why(
    bench: Bench,
) -> None:
    await bench.published(a_profile("slow", usd_per_hour=0.5), a_profile("other", usd_per_hour=2))

    refreshed = await bench.run(
        a_profile("slow", usd_per_hour=0.5, tpot_ms=13.8), a_profile("other", usd_per_hour=2)
    )

    decision = decide(
        decision_id="d",
        features=builders.features(),
        constraints=Constraints(),
        pairs=[builders.a_pair("slow"), builders.a_pair("other")],
        catalog=await bench.store.load(),
        load=builders.idle_load("slow", "other"),
        policy=builders.a_policy(reference_pair="other"),
    )
    assert actions(refreshed) == {"slow": "demoted", "other": "unchanged"}
    assert decision.chosen == "other"
    (rejection,) = decision.rejected
    assert rejection.rule == "golden"
    assert rejection.got.startswith("drifted: TPOT p50 +38% over all 6 loads (10 -> 13.8 ms), ")
    assert rejection.got.endswith("and 4 more, against version 1")


async def test_a_demoted_pair_is_compared_with_its_last_good_version(bench: Bench) -> None:
    await bench.published(a_profile("a", tpot_ms=10))
    await bench.run(a_profile("a", tpot_ms=20))

    still = await bench.run(a_profile("a", tpot_ms=21))
    assert actions(still) == {"a": "demoted"}
    golden = (await bench.active("a")).golden
    assert golden is not None
    assert golden.reason.endswith("against version 1")

    back = await bench.run(a_profile("a", tpot_ms=10.5))
    assert actions(back) == {"a": "lifted"}
    assert await bench.active("a") == replace(a_profile("a", tpot_ms=10.5), golden=PASSED)


async def test_a_pair_that_fails_the_gate_is_published_as_not_eligible(bench: Bench) -> None:
    await bench.published(a_profile("a"))
    failed = GoldenResult(passed=False, reason="it serves BF16")
    bench.gate = ScriptedGate({"a": failed})

    refreshed = await bench.run(a_profile("a"))

    assert actions(refreshed) == {"a": "not eligible"}
    assert (await bench.active("a")).golden == failed

    bench.gate = ScriptedGate()
    assert actions(await bench.run(a_profile("a"))) == {"a": "lifted"}


async def test_a_pair_is_judged_beside_its_parent(bench: Bench) -> None:
    specs = [a_spec("small"), a_spec("small-w8a8", parent="small")]

    await refresh(
        specs,
        bench.store,
        profiler=ScriptedProfiler(
            a_profile("small"), a_profile("small-w8a8"), folder=bench.out / "measured"
        ),
        gate=bench.gate,
        rules=RULES,
        out=bench.out,
        by="weekly",
    )

    assert bench.gate.judged == [("small", None), ("small-w8a8", "small")]


async def test_pairs_that_were_not_measured_stay_as_they_are(bench: Bench) -> None:
    await bench.published(a_profile("fails"), a_profile("elsewhere"), a_profile("broken"))
    bench.gate = ScriptedGate(broken=("broken",))

    refreshed = await bench.run(
        a_profile("broken"), failed=(Failed(pair="fails", cause="the engine did not load"),)
    )

    assert actions(refreshed) == {
        "broken": "not measured",
        "elsewhere": "not in the fleet",
        "fails": "not measured",
    }
    reasons = {outcome.pair: outcome.reason for outcome in refreshed.outcomes}
    assert reasons["fails"] == "the engine did not load"
    assert reasons["broken"] == (
        "measured, but the golden gate could not be run: the engine did not load"
    )
    assert refreshed.version is None
    assert (await bench.store.load()).version == "1"


async def test_a_pair_that_was_never_measured_is_not_published(bench: Bench) -> None:
    refreshed = await bench.run(failed=(Failed(pair="a", cause="no such folder"),))

    assert (actions(refreshed), refreshed.version) == ({"a": "not measured"}, None)


async def test_figures_that_cannot_be_true_leave_the_active_ones(bench: Bench) -> None:
    await bench.published(a_profile("a"))

    refreshed = await bench.run(a_profile("a", usd_per_hour=0.0), a_profile("b"))

    assert actions(refreshed) == {"a": "refused", "b": "added"}
    assert "hardware.usd_per_hour" in refreshed.outcomes[0].reason
    assert await bench.active("a") == a_profile("a")


async def test_a_failed_gate_counts_even_where_the_figures_cannot_be_true(bench: Bench) -> None:
    await bench.published(replace(a_profile("a"), golden=PASSED))
    bench.gate = ScriptedGate({"a": GoldenResult(passed=False, reason="KL 3.2", date="2026-02-01")})

    refreshed = await bench.run(a_profile("a", usd_per_hour=0.0))

    assert actions(refreshed) == {"a": "refused"}
    assert "the golden gate failed: KL 3.2" in refreshed.outcomes[0].reason
    active = await bench.active("a")
    assert active.golden is not None
    assert not active.golden.passed
    assert active.hardware == a_profile("a").hardware


async def test_a_measured_profile_has_the_gates_verdict_for_those_who_publish_it(
    bench: Bench,
) -> None:
    failed = GoldenResult(passed=False, reason="KL 3.2", date="2026-02-01")
    bench.gate = ScriptedGate({"a": failed})

    refreshed = await bench.run(a_profile("a", usd_per_hour=0.0))

    assert refreshed.version is None
    kept = read_profile(bench.out / "measured" / "a.json")
    assert kept is not None
    assert kept.golden == failed


async def test_what_is_to_be_published_is_kept_when_the_store_is_down(bench: Bench) -> None:
    bench.store.go_down()

    with pytest.raises(StoreUnavailable):
        await bench.run(a_profile("a"))

    bench.store.come_back()
    draft = await draft_folder(bench.out / CATALOG, bench.store, floor=None)
    await commit(draft, bench.store, by="ann")
    assert await bench.active("a") == replace(a_profile("a"), golden=PASSED)


async def test_what_an_earlier_run_left_is_not_taken_for_this_ones(bench: Bench) -> None:
    await bench.run(a_profile("a"), a_profile("b"))
    bench.store.go_down()
    with pytest.raises(StoreUnavailable):
        await bench.run(a_profile("b"))

    left = [path.name for path in (bench.out / CATALOG).rglob("*.json")]

    assert left == ["b@cpu.json"]


class BusyStore(MemoryStore):
    """Somebody publishes a pair of theirs just before each of the first `rivals` publications."""

    def __init__(self, rivals: int) -> None:
        super().__init__()
        self._rivals = rivals

    async def publish(
        self,
        catalog: Catalog,
        *,
        by: str,
        note: str = "",
        restores: str | None = None,
        replacing: str | None = None,
    ) -> str:
        if by == "weekly" and self._rivals:
            self._rivals -= 1
            await super().publish(Catalog.of("x", [a_profile("theirs")]), by="rival")
        return await super().publish(
            catalog, by=by, note=note, restores=restores, replacing=replacing
        )


async def test_what_others_published_meanwhile_is_kept(bench: Bench) -> None:
    store = BusyStore(rivals=2)
    await store.publish(Catalog.of("x", [a_profile("theirs")]), by="ci")

    refreshed = await bench.run(a_profile("a"), store=store)

    assert actions(refreshed) == {"a": "added", "theirs": "not in the fleet"}
    assert sorted((await store.load()).profiles) == ["a", "theirs"]


async def test_a_run_that_others_never_let_publish_says_so(bench: Bench) -> None:
    store = BusyStore(rivals=100)
    await store.publish(Catalog.of("x", [a_profile("theirs")]), by="ci")

    with pytest.raises(CatalogReplaced):
        await bench.run(a_profile("a"), store=store)


async def test_the_report_names_every_pair_and_what_moved(bench: Bench) -> None:
    await bench.published(a_profile("slow"), a_profile("gone"))
    refreshed = await bench.run(
        a_profile("slow", tpot_ms=14), failed=(Failed(pair="gone", cause="a | b\nc"),)
    )

    json_file, markdown_file = write_refreshed(refreshed, bench.out)

    told = json.loads(json_file.read_text())
    assert (told["against"], told["version"]) == ("1", "2")
    gone, slow = told["pairs"]
    assert (gone["action"], slow["action"]) == ("not measured", "demoted")
    assert slow["drift"]["moves"][0]["change"] == 0.4
    text = markdown_file.read_text()
    assert "Against version 1. Published as version 2." in text
    assert "| gone | not measured | a \\| b c |" in text
    assert "- worse: TPOT p50 +40% at 8 at once with 1024 prompt tokens (10 -> 14 ms)" in text
