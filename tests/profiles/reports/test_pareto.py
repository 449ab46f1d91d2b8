"""Which pair dominates which, and what a reader is told of it."""

from __future__ import annotations

from dataclasses import replace

from profiles.reports.figures.style import marks_of
from profiles.reports.findings import findings
from profiles.reports.pareto import dominances, standings
from profiles.reports.typical import CHEAPEST, typical_request
from serve_app.core.profile import GoldenResult, Profile, TaskAccuracy
from serve_app.core.request import Constraints
from tests.builders import a_catalog, a_profile
from tests.profiles.reports.samples import a_published_profile

GOOD = a_profile("good", accuracy=0.8, tpot_ms=10, usd_per_hour=1)
WORSE = a_profile("worse", accuracy=0.7, tpot_ms=10, usd_per_hour=1)


def dominated(*profiles: Profile) -> list[tuple[str, str]]:
    catalog = a_catalog(*profiles)
    request = typical_request(catalog, Constraints(), CHEAPEST)
    places = standings(catalog, request, concurrency=1)
    return [(d.worse.pair, d.by.pair) for d in dominances(places)]


def told(*profiles: Profile) -> str:
    catalog = a_catalog(*profiles)
    request = typical_request(catalog, Constraints(), CHEAPEST)
    places = standings(catalog, request, concurrency=1)
    marks = marks_of(catalog.profiles)
    return "\n".join(findings(catalog, places, dominances(places), marks)).replace("  ", " ")


def interval(mean: float, lower: float, upper: float) -> dict[str, TaskAccuracy]:
    return {"overall": TaskAccuracy(mean=mean, lower=lower, upper=upper, items=100)}


def test_a_pair_that_is_worse_in_one_and_equal_in_the_rest_is_dominated() -> None:
    assert dominated(GOOD, WORSE) == [("worse", "good")]


def test_equal_pairs_do_not_dominate_each_other() -> None:
    assert dominated(GOOD, replace(GOOD, pair="twin")) == []


def test_a_pair_that_is_better_in_anything_is_not_dominated() -> None:
    faster = a_profile("faster", accuracy=0.7, tpot_ms=9, usd_per_hour=1)
    cheaper = a_profile("cheaper", accuracy=0.7, tpot_ms=11, usd_per_hour=0.5)

    assert dominated(GOOD, faster, cheaper) == []


def test_a_pair_that_may_not_serve_dominates_nobody() -> None:
    refused = replace(GOOD, golden=GoldenResult(passed=False, reason="gibberish"))

    assert dominated(refused, WORSE) == []


def test_a_pair_dominated_twice_is_told_once_with_both() -> None:
    text = told(GOOD, replace(GOOD, pair="twin"), WORSE)

    assert text.count("dominated") == 1
    assert "C worse is dominated by A good and B twin" in text


def test_overlapping_intervals_are_said_to_overlap() -> None:
    near = replace(GOOD, accuracy=interval(0.8, 0.7, 0.9))
    apart = replace(GOOD, accuracy=interval(0.8, 0.75, 0.85))
    below = replace(WORSE, accuracy=interval(0.7, 0.65, 0.74))

    assert "overlap" in told(near, below)
    assert "overlap" not in told(apart, below)


def test_who_is_best_in_what_is_said_first() -> None:
    fast = a_profile("fast", accuracy=0.6, tpot_ms=5, usd_per_hour=2)

    assert told(GOOD, fast).splitlines()[0].startswith("A good is the most accurate and cheapest")


def test_a_single_pair_is_compared_with_nobody() -> None:
    text = told(GOOD)

    assert "most accurate" not in text
    assert "Pareto" not in text


def test_cautions_name_refused_unchecked_and_published_pairs() -> None:
    refused = replace(GOOD, golden=GoldenResult(passed=False, reason="it repeats itself"))
    text = told(refused, WORSE, a_published_profile("others"))

    assert "A good failed the golden gate and may not serve: it repeats itself" in text
    assert "has not been run for B worse and C others" in text
    assert "not measured on this hardware: C others" in text
