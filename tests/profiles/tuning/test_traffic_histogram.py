"""What a histogram of contexts tells of the lengths that went into it."""

from __future__ import annotations

from bisect import bisect_left
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.tuning.traffic import Histogram, merged
from serve_app.telemetry.request_metrics import CONTEXT_TOKENS

lengths = st.lists(st.integers(1, 140_000), min_size=1, max_size=200)
shares = st.floats(0.01, 0.999)


def a_histogram(values: list[int]) -> Histogram:
    return Histogram.of(
        {edge: float(sum(v <= edge for v in values)) for edge in (*CONTEXT_TOKENS, inf)}
    )


def exact(values: list[int], share: float) -> int:
    """The smallest length that `share` of all do not exceed."""
    ordered = sorted(values)
    reached = [(i + 1) / len(ordered) for i in range(len(ordered))]
    return ordered[min(bisect_left(reached, share - 1e-9), len(ordered) - 1)]


@given(values=lengths, share=shares)
def test_an_edge_is_never_under_the_true_quantile(values: list[int], share: float) -> None:
    assert a_histogram(values).edge_of(share) >= exact(values, share)


@given(values=lengths, share=shares)
def test_a_quantile_lies_in_the_bucket_of_the_true_one(values: list[int], share: float) -> None:
    histogram = a_histogram(values)

    assert histogram.quantile(share) <= histogram.edge_of(share)
    edges = (0, *histogram.edges)
    assert histogram.quantile(share) >= edges[edges.index(histogram.edge_of(share)) - 1] or (
        histogram.edge_of(share) == inf
    )


@given(values=lengths, tokens=st.integers(16, 150_000))
def test_no_more_requests_are_longer_than_it_says(values: list[int], tokens: int) -> None:
    longer = sum(value > tokens for value in values) / len(values)

    assert a_histogram(values).share_above(tokens) >= longer - 1e-9


@given(values=lengths, others=lengths)
def test_two_replicas_together_are_one_that_served_it_all(
    values: list[int], others: list[int]
) -> None:
    assert merged([a_histogram(values), a_histogram(others)]) == a_histogram(values + others)


def test_between_edges_lengths_are_taken_as_even() -> None:
    histogram = Histogram.of({1024: 0, 2048: 100, inf: 100})

    assert histogram.quantile(0.25) == 1024 + 256


def test_a_quantile_beyond_the_last_edge_is_not_made_up() -> None:
    assert Histogram.of({1024: 1, inf: 100}).quantile(0.5) == inf


def test_histograms_of_other_buckets_are_not_added() -> None:
    with pytest.raises(ValueError, match="read routers of one version only"):
        merged([Histogram.of({1024: 1, inf: 1}), Histogram.of({2048: 1, inf: 1})])


@pytest.mark.parametrize("buckets", [{}, {1024: 1}, {1024: 5, inf: 3}])
def test_what_is_no_histogram_is_refused(buckets: dict[float, float]) -> None:
    with pytest.raises(ValueError, match="should rise"):
        Histogram.of(buckets)
