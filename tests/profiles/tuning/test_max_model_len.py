"""What is advised to fleets whose traffic is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import inf

import pytest

from profiles.tuning.max_model_len import Advice, Deployed, advise, held_by_nobody
from profiles.tuning.traffic import Histogram

SMALL = Deployed(
    pair="small", context_window=32_768, max_concurrency=64, cache_bytes_per_token=1_000
)
LARGE = Deployed(
    pair="large", context_window=65_536, max_concurrency=8, cache_bytes_per_token=4_000
)
# 19 of 20 contexts are of at most 4,096 tokens.
MOSTLY_SHORT = Histogram.of({1024: 5_000, 4096: 9_500, 16384: 10_000, inf: 10_000})


def advised(
    *fleet: Deployed, traffic: Mapping[str, Histogram] | None = None, quantile: float = 0.95
) -> Advice:
    """The advice for the first pair."""
    served = {"small": MOSTLY_SHORT} if traffic is None else traffic
    return advise(fleet, served, quantile=quantile)[0]


def test_the_window_is_the_edge_that_the_quantile_stays_under() -> None:
    assert advised(SMALL, LARGE).max_model_len == 4096
    assert advised(SMALL, LARGE, quantile=0.99).max_model_len == 16_384


def test_it_is_whole_cache_blocks() -> None:
    odd = Histogram.of({100: 10_000, inf: 10_000})

    assert advised(SMALL, traffic={"small": odd}).max_model_len == 112


def test_memory_is_what_all_slots_could_take_beyond_it() -> None:
    advice = advised(SMALL, LARGE)

    assert advice.freed_bytes == 64 * (32_768 - 4096) * 1_000
    assert advice.further_requests == 64 * 7


def test_longer_requests_go_to_pairs_with_longer_windows_the_longest_first() -> None:
    short = replace(SMALL, pair="short", context_window=2048)
    like = replace(SMALL, pair="like")

    advice = advised(SMALL, short, like, LARGE)

    assert advice.share_above == pytest.approx(0.05)
    assert advice.elsewhere == ("large", "like")
    assert advice.warnings == ()


def test_a_pair_that_nobody_could_stand_in_for_is_warned_of() -> None:
    (warning,) = advised(SMALL).warnings

    assert warning == "no other pair has a longer window: longer requests would be refused"


def test_few_requests_are_warned_of() -> None:
    few = Histogram.of({1024: 12, inf: 12})

    assert advised(SMALL, traffic={"small": few}).warnings == (
        "only 12 requests seen, fewer than 1,000",
    )


def test_a_window_that_traffic_fills_stays() -> None:
    advice = advised(replace(SMALL, context_window=4096), LARGE)

    assert (advice.max_model_len, advice.advises_less) == (4096, False)
    assert (advice.freed_bytes, advice.share_above, advice.elsewhere) == (0, 0.0, ())


def test_contexts_beyond_all_buckets_leave_the_window_as_it_is() -> None:
    huge = Histogram.of({1024: 1, inf: 5_000})

    advice = advised(SMALL, LARGE, traffic={"small": huge})

    assert (advice.max_model_len, advice.p50) == (32_768, None)


def test_a_pair_without_traffic_gets_no_advice() -> None:
    advice = advised(SMALL, LARGE, traffic={})

    assert (advice.seen, advice.max_model_len, advice.freed_bytes) == (0, None, None)
    assert advice.warnings == ("no request seen",)


def test_memory_that_is_not_known_is_not_made_up() -> None:
    unknown = replace(SMALL, cache_bytes_per_token=None, cache_unknown="no config.json")

    advice = advised(unknown, LARGE)

    assert (advice.max_model_len, advice.freed_bytes) == (4096, None)
    assert advice.warnings == ("the memory is not known: no config.json",)


def test_two_pairs_that_count_on_each_other_are_told_so() -> None:
    twin = replace(SMALL, pair="twin")
    traffic = {"small": MOSTLY_SHORT, "twin": MOSTLY_SHORT}

    orphans = held_by_nobody(advise([SMALL, twin], traffic, quantile=0.95), traffic)

    assert orphans is not None
    assert (orphans.longest_window, orphans.requests) == (4096, 1_000)


def test_a_pair_that_keeps_its_window_holds_what_the_others_send_away() -> None:
    traffic = {"small": MOSTLY_SHORT}

    assert held_by_nobody(advise([SMALL, LARGE], traffic, quantile=0.95), traffic) is None
