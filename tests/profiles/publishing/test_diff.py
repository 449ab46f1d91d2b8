"""What one catalog changes of another."""

from __future__ import annotations

from dataclasses import replace

import pytest

from profiles.publishing.diff import catalog_changes
from serve_app.core.catalog import Catalog
from serve_app.core.profile import GoldenResult, Hardware, PairedAccuracy, Profile, TaskAccuracy
from tests.catalogs import a_catalog, a_profile, a_surface, accuracy

FAILED = GoldenResult(passed=False, reason="perplexity 3.1 times its parent's")
PASSED = GoldenResult(passed=True, checks=12)


def changes(before: Profile, after: Profile) -> tuple[str, ...]:
    return catalog_changes(Catalog.of("1", [before]), Catalog.of("2", [after]))


def test_a_pair_that_comes_says_what_it_is() -> None:
    (added,) = catalog_changes(None, a_catalog("a"))

    assert added.startswith("a: added, ")
    assert "accuracy 0.600 on 120 items" in added
    assert "TTFT p95 120 ms at concurrency 1, 32 prompt tokens" in added


def test_a_pair_that_comes_without_being_eligible_says_so() -> None:
    (added,) = catalog_changes(None, Catalog.of("1", [replace(a_profile("a"), golden=FAILED)]))

    assert added.endswith("; not eligible: perplexity 3.1 times its parent's")


def test_pairs_that_come_and_go_are_named() -> None:
    lines = catalog_changes(a_catalog("stays", "goes"), a_catalog("stays", "comes"))

    assert [line.split(",")[0] for line in lines] == ["comes: added", "goes: removed"]


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (
            a_profile("a", hardware=Hardware(accelerator="CPU", count=1, usd_per_hour=0.05)),
            "USD per million completion tokens (+25.0%)",
        ),
        (
            a_profile(
                "a",
                accuracy={
                    "overall": accuracy(0.6),
                    "code": TaskAccuracy(mean=0.5, lower=0.3, items=30),
                },
            ),
            "accuracy code 0.400 (at least 0.200, 120 items) -> 0.500 (at least 0.300, 30 items)",
        ),
        (
            a_profile("a", accuracy={"overall": accuracy(0.6)}),
            "accuracy code 0.400 (at least 0.200, 120 items) -> not measured",
        ),
        (
            a_profile("a", latency=a_surface(ttft_ms=100)),
            "TTFT p95 120 -> 150 ms (+25.0%) at concurrency 1, 32 prompt tokens",
        ),
        (
            a_profile(
                "a", latency=replace(a_surface(), tpot_ms=a_surface(ttft_ms=50 / 2 * 1.2).ttft_ms)
            ),
            "TPOT p50 75 -> 90 ms (+20.0%) at concurrency 4, 32 prompt tokens",
        ),
        (
            a_profile("a", latency=replace(a_surface(), concurrency=(1, 8))),
            "measured at concurrency 1, 8 and 32, 256 prompt tokens, before at concurrency 1, 4",
        ),
        (a_profile("a", cold_start_s=90), "a: cold start 40 -> 90 s (+125.0%)"),
        (replace(a_profile("a"), max_concurrency=16), "a: requests at once 8 -> 16 (+100.0%)"),
        (replace(a_profile("a"), engine_version="1.0"), "a: differs in engine_version"),
        (
            replace(
                a_profile("a"),
                accuracy_by_difficulty={"hard": accuracy(0.2)},
            ),
            "accuracy on items that are hard not measured -> 0.200",
        ),
        (
            replace(a_profile("a"), benchmarks={"gsm8k": accuracy(0.2)}),
            "benchmark gsm8k not measured -> 0.200",
        ),
        (
            replace(
                a_profile("a"),
                parent="b",
                against_parent={
                    "overall": PairedAccuracy(
                        change=-0.02, lower=-0.04, upper=0.0, items=400, lost=10, won=2
                    )
                },
            ),
            "against its parent not measured -> -0.020 (-0.040 to +0.000)",
        ),
        (
            replace(a_profile("a"), provenance=replace(a_profile().provenance, origin="published")),
            "a: its figures are now published, before they were measured",
        ),
    ],
)
def test_what_moved_is_told_in_numbers(after: Profile, told: str) -> None:
    assert any(told in line for line in changes(a_profile("a"), after))


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (None, FAILED, "now not eligible: perplexity 3.1 times its parent's"),
        (PASSED, FAILED, "now not eligible: perplexity 3.1 times its parent's"),
        (FAILED, replace(FAILED, reason="other"), "still not eligible: other"),
        (FAILED, PASSED, "eligible again: the golden set passed"),
        (FAILED, None, "eligible again, without a golden verdict"),
        (None, PASSED, "the golden set passed, 12 checks"),
        (PASSED, None, "no golden verdict"),
    ],
)
def test_a_golden_verdict_is_told_by_what_it_means_for_the_pair(
    before: GoldenResult | None, after: GoldenResult | None, told: str
) -> None:
    lines = changes(replace(a_profile("a"), golden=before), replace(a_profile("a"), golden=after))

    assert lines == (f"a: {told}",)


def test_a_latency_that_differs_only_elsewhere_is_named() -> None:
    surface = a_surface()
    busier = replace(surface.ttft_ms, p99=((200.0, 400.0), (600.0, 800.0)))

    lines = changes(a_profile("a"), a_profile("a", latency=replace(surface, ttft_ms=busier)))

    assert lines == ("a: latency differs at other loads and quantiles",)


def test_the_same_catalog_changes_nothing() -> None:
    assert changes(a_profile("a"), a_profile("a")) == ()
