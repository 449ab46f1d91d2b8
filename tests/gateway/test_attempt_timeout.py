from __future__ import annotations

from dataclasses import replace

import pytest

from serve_app.core.decision import Candidate
from serve_app.core.profile import Profile
from serve_app.gateway.attempt_time import (
    attempt_limit_s,
    attempt_timeout_s,
    predicted_need_s,
)
from tests.builders import a_prediction, a_profile, a_quantity
from tests.gateways import SETTINGS, a_request

FOURFOLD = replace(SETTINGS, attempt_timeout_factor=4, attempt_timeout_min_ms=5_000)
# 100 ms to the first token and 50 ms for each, at p99.
SLOW = a_profile(ttft_ms=a_quantity(50, 80, 100), tpot_ms=a_quantity(10, 20, 50))


def waits_s(
    ttft_ms: float = 300,
    *,
    stream: bool,
    max_tokens: int | None = None,
    profile: Profile | None = SLOW,
    **body: object,
) -> float | None:
    prediction = a_prediction(ttft_ms=ttft_ms, total_ms=2 * ttft_ms)
    return attempt_timeout_s(
        Candidate(pair="a", utility=0, prediction=prediction, terms=None),
        profile,
        FOURFOLD,
        a_request(stream=stream, max_tokens=max_tokens, body=body),
    )


@pytest.mark.parametrize(
    ("ttft_ms", "timeout_s"),
    [(300, 5), (1_250, 5), (2_000, 8), (30_000, 120)],
    ids=["never below the floor", "just the floor", "a multiple", "a cold start"],
)
def test_a_stream_waits_a_multiple_of_the_predicted_first_token(
    ttft_ms: float, timeout_s: float
) -> None:
    assert waits_s(ttft_ms, stream=True) == timeout_s


def test_an_answer_that_comes_whole_and_may_be_of_any_length_is_not_taken_for_a_hang() -> None:
    assert waits_s(stream=False) is None


@pytest.mark.parametrize(
    ("max_tokens", "timeout_s"),
    [(1, 5), (100, 4 * 5.1), (1_000, 4 * 50.1)],
    ids=["never below the floor", "a multiple", "a long one"],
)
def test_an_answer_of_bounded_length_waits_a_multiple_of_what_its_greatest_length_takes(
    max_tokens: int, timeout_s: float
) -> None:
    assert waits_s(stream=False, max_tokens=max_tokens) == pytest.approx(timeout_s)


@pytest.mark.parametrize("body", [{"n": 4}, {"prompt": ["one", "two"]}], ids=str)
def test_several_answers_that_come_whole_are_not_taken_for_a_hang(body: dict[str, object]) -> None:
    assert waits_s(stream=False, max_tokens=100, **body) is None


def test_a_pair_that_nobody_measured_has_all_the_time() -> None:
    assert waits_s(stream=True, profile=None) is None
    unknown = Candidate(pair="a", utility=0, prediction=None, terms=None)
    assert attempt_timeout_s(unknown, SLOW, FOURFOLD, a_request(stream=True, max_tokens=1)) is None


@pytest.mark.parametrize(
    ("timeout_s", "need_s", "limit_s"),
    [(None, None, 30), (5, 1, 5), (40, 10, 30), (200, 50, 50), (None, 100, 100), (5, None, 5)],
    ids=(
        *("a share", "its own timeout first", "the share first"),
        *("predicted to need more", "more than is left", "no prediction"),
    ),
)
def test_an_attempt_gets_a_share_of_what_is_left_or_what_it_needs(
    timeout_s: float | None, need_s: float | None, limit_s: float
) -> None:
    settings = replace(FOURFOLD, attempt_share=0.5)

    assert attempt_limit_s(timeout_s, need_s, 60, settings) == limit_s


@pytest.mark.parametrize(
    ("stream", "max_tokens", "need_s"), [(True, None, 0.3), (False, None, 0.6), (False, 100, 5.1)]
)
def test_a_pair_needs_its_first_token_or_its_whole_answer(
    stream: bool, max_tokens: int | None, need_s: float
) -> None:
    candidate = Candidate(
        pair="a", utility=0, prediction=a_prediction(ttft_ms=300, total_ms=600), terms=None
    )

    found_s = predicted_need_s(candidate, SLOW, a_request(stream=stream, max_tokens=max_tokens))

    assert found_s == pytest.approx(need_s)
