"""Which verdict of the golden gate a pair has after another profile of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from profiles.publishing.publish import Fleet, commit, draft_catalog, draft_rollback
from profiles.publishing.verdicts import DRIFTED, standing_verdict
from serve_app.core.catalog import Catalog
from serve_app.core.profile import GoldenResult
from serve_app.settings import PairSettings
from serve_app.testing import MemoryStore
from tests.catalogs import a_profile

FAILED = GoldenResult(passed=False, reason="KL 3.2", date="2026-03-02", checkpoint="w8a8")
PASSED = GoldenResult(passed=True, date="2026-03-03", checkpoint="w8a8")


@pytest.mark.parametrize(
    ("later", "stands"),
    [
        (None, FAILED),
        (PASSED, PASSED),
        (replace(PASSED, date="2026-03-01"), FAILED),
        (replace(PASSED, date=""), FAILED),
        (replace(PASSED, checkpoint="another"), FAILED),
        (replace(FAILED, date="2026-03-04", reason="NaN"), None),
        (replace(FAILED, date="2026-03-01", reason="NaN"), FAILED),
    ],
)
def test_only_a_later_pass_of_the_same_checkpoint_ends_a_failure(
    later: GoldenResult | None, stands: GoldenResult | None
) -> None:
    assert standing_verdict(FAILED, later) == (stands or later)


def test_the_checkpoint_that_the_pair_has_now_may_pass_instead() -> None:
    other = replace(PASSED, checkpoint="repaired")

    assert standing_verdict(FAILED, other, checkpoints=["repaired"]) == other
    assert standing_verdict(FAILED, other, checkpoints=["w8a8"]) == FAILED


def test_a_failure_that_names_no_checkpoint_is_ended_by_any_later_pass() -> None:
    assert standing_verdict(replace(FAILED, checkpoint=""), PASSED) == PASSED


def test_dates_are_compared_across_time_zones() -> None:
    failed = replace(FAILED, date="2026-03-02T10:00:00+00:00")
    earlier = replace(PASSED, date="2026-03-02T11:00:00+02:00")

    assert standing_verdict(failed, earlier) == failed
    assert standing_verdict(failed, replace(PASSED, date="2026-03-02T10:00:01")) != failed


def test_a_demotion_for_drift_is_no_failure_of_the_gate() -> None:
    drifted = replace(FAILED, reason=f"{DRIFTED}TTFT 50 -> 90 ms")

    assert standing_verdict(drifted, None) is None


async def published(store: MemoryStore, *verdicts: tuple[str, GoldenResult | None]) -> list[str]:
    """Publishes a profile with a verdict for each pair. Returns the warnings about verdicts."""
    profiles = [replace(a_profile(pair), golden=verdict) for pair, verdict in verdicts]
    draft = await draft_catalog(Catalog.of("x", profiles), store, floor=None)
    await commit(draft, store, by="ci")
    return [str(found) for found in draft.warnings if found.field == "golden"]


async def verdict_of(store: MemoryStore, pair: str) -> GoldenResult | None:
    return (await store.load()).profiles[pair].golden


async def test_a_profile_without_a_verdict_does_not_clear_a_failure() -> None:
    store = MemoryStore()
    await published(store, ("a", FAILED))

    (warning,) = await published(store, ("a", None))

    assert await verdict_of(store, "a") == FAILED
    assert warning == (
        "a: golden: got no verdict; the golden gate failed on 2026-03-02 with checkpoint w8a8: "
        "KL 3.2; the pair stays not eligible until `quantroute validate a` passes"
    )


async def test_an_old_pass_does_not_clear_a_failure_and_a_new_one_does() -> None:
    store = MemoryStore()
    await published(store, ("a", FAILED))

    assert await published(store, ("a", replace(PASSED, date="2026-03-01")))
    assert await verdict_of(store, "a") == FAILED

    assert not await published(store, ("a", PASSED))
    assert await verdict_of(store, "a") == PASSED


async def test_a_failure_stays_while_the_pair_is_not_published() -> None:
    store = MemoryStore()
    await published(store, ("a", FAILED), ("b", None))
    await published(store, ("b", None))

    await published(store, ("a", None), ("b", None))

    assert await verdict_of(store, "a") == FAILED
    assert await verdict_of(store, "b") is None


async def test_a_failure_stays_when_the_active_catalog_is_broken() -> None:
    store = MemoryStore()
    await published(store, ("a", FAILED))
    store.put("{")

    await published(store, ("a", None))

    assert await verdict_of(store, "a") == FAILED


async def test_a_rollback_does_not_clear_a_failure() -> None:
    store = MemoryStore()
    await published(store, ("a", None))
    await published(store, ("a", FAILED))

    draft = await draft_rollback(store)
    await commit(draft, store, by="ci")

    assert await verdict_of(store, "a") == FAILED
    assert [found.field for found in draft.warnings] == ["golden"]


async def test_a_pass_of_the_checkpoint_that_the_fleet_file_names_clears_a_failure() -> None:
    store, profile = MemoryStore(), a_profile("a")
    await published(store, ("a", FAILED))
    pair = PairSettings(
        id="a",
        model=profile.model,
        checkpoint="repaired",
        quantization=profile.quantization,
        hardware=profile.hardware,
        context_window=profile.context_window,
        max_concurrency=profile.max_concurrency,
    )
    passed = replace(PASSED, checkpoint="repaired")
    catalog = Catalog.of("x", [replace(profile, golden=passed)])

    without = await draft_catalog(catalog, store, floor=None)
    with_fleet = await draft_catalog(catalog, store, floor=None, fleet=Fleet(pairs=(pair,)))

    assert without.catalog.profiles["a"].golden == FAILED
    assert with_fleet.catalog.profiles["a"].golden == passed
