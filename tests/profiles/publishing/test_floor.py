"""Whether there are items enough to decide a floor."""

from __future__ import annotations

import pytest

from profiles.publishing.checks import findings
from profiles.publishing.floor import items_to_pass
from serve_app.core.profile import Profile, TaskAccuracy
from tests.builders import a_profile
from tests.profiles.publishing.findings import refused, warned


def with_items(mean: float, lower: float, items: int) -> Profile:
    return a_profile(accuracy={"code": TaskAccuracy(mean=mean, lower=lower, items=items)})


@pytest.mark.parametrize(("floor", "items"), [(0.9, 35), (0.95, 73), (0.99, 381), (0.15, 1)])
def test_a_higher_floor_needs_more_items(floor: float, items: int) -> None:
    assert items_to_pass(floor) == items


def test_items_on_which_even_a_perfect_pair_misses_the_floor_are_refused() -> None:
    (found,) = refused(with_items(1.0, 0.86, 24), floor=0.9)

    assert "got code 1.000 (0.860 to 1.000) on 24 items" in str(found)
    assert "a floor of 0.9 needs at least 35 items" in str(found)


@pytest.mark.parametrize(
    ("mean", "lower", "items"), [(0.5, 0.31, 24), (0.97, 0.93, 200), (0.95, 0.9, 300)]
)
def test_an_interval_on_one_side_of_the_floor_decides_it(
    mean: float, lower: float, items: int
) -> None:
    assert findings([with_items(mean, lower, items)], floor=0.9) == ()


def test_an_interval_around_the_floor_says_how_many_items_would_decide() -> None:
    (found,) = warned(with_items(0.92, 0.85, 100), floor=0.9)

    assert "code 0.920 (0.850 to 0.959) on 100 items" in str(found)
    assert found.advice == "to decide it would take about 1225 items (code)"


def test_an_accuracy_that_is_the_floor_itself_is_never_decided() -> None:
    (found,) = warned(with_items(0.9, 0.82, 100), floor=0.9)

    assert "more items than there can be (code)" in found.advice


def test_without_a_floor_the_number_of_items_decides_nothing() -> None:
    assert findings([with_items(1.0, 0.86, 24)], floor=None) == ()
