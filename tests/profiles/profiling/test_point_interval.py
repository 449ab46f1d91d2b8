"""How sure a median is."""

from __future__ import annotations

from random import Random
from statistics import median

import pytest

from profiles.profiling.point import median_half_width, median_interval


@pytest.mark.parametrize(
    ("number", "lowest"), [(6, 1), (8, 1), (9, 2), (12, 3), (20, 6), (25, 8), (40, 14), (50, 18)]
)
def test_the_ends_are_the_samples_of_the_published_table(number: int, lowest: int) -> None:
    """The ranks of the sign test's 95 % interval in textbooks."""
    samples = [float(rank) for rank in range(1, number + 1)]

    assert median_interval(samples) == (lowest, number + 1 - lowest)


def test_few_samples_are_all_in_the_interval() -> None:
    assert median_interval([3.0, 1.0, 2.0]) == (1.0, 3.0)


def test_one_sample_is_as_sure_as_it_says() -> None:
    assert median_interval([5.0]) == (5.0, 5.0)


def test_the_interval_holds_the_true_median_nineteen_times_in_twenty() -> None:
    random = Random(7)
    trials = 2000
    held = 0
    for _ in range(trials):
        low, high = median_interval([random.expovariate(1.0) for _ in range(20)])
        held += low <= 0.6931 <= high

    assert held / trials > 0.945


def test_more_samples_of_the_same_kind_make_a_median_surer() -> None:
    random = Random(7)
    samples = [random.gauss(100, 10) for _ in range(200)]

    assert median_half_width([samples]) < median_half_width([samples[:20]])


def test_rounds_that_differ_make_a_median_unsure_however_many_samples_they_have() -> None:
    quiet, busy = [100.0] * 500, [140.0] * 500

    half_width = median_half_width([quiet, busy])

    assert half_width == pytest.approx((median(busy) - median(quiet)) / 2)
