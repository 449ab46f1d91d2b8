from __future__ import annotations

from dataclasses import replace

import pytest

from serve_app.core.decision import Candidate
from serve_app.core.profile import Profile
from serve_app.gateway.attempts import attempt_timeout_s
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
