from __future__ import annotations

from dataclasses import replace

import pytest

from serve_app.core.decision import Candidate
from serve_app.service.patience import patience_s
from tests.builders import a_prediction
from tests.gateways import SETTINGS

FOURFOLD = replace(SETTINGS, attempt_patience=4, attempt_floor_ms=5_000)


def expected_after(ttft_ms: float) -> Candidate:
    prediction = a_prediction(ttft_ms=ttft_ms, total_ms=2 * ttft_ms)
    return Candidate(pair="a", utility=0, prediction=prediction, terms=None)


@pytest.mark.parametrize(
    ("ttft_ms", "waits_s"),
    [(300, 5), (1_250, 5), (2_000, 8), (30_000, 120)],
    ids=["never below the floor", "just the floor", "a multiple", "a cold start"],
)
def test_a_stream_waits_a_multiple_of_the_predicted_first_token(
    ttft_ms: float, waits_s: float
) -> None:
    assert patience_s(expected_after(ttft_ms), FOURFOLD, stream=True) == waits_s


def test_an_answer_that_comes_whole_is_not_taken_for_a_hang() -> None:
    assert patience_s(expected_after(300), FOURFOLD, stream=False) is None


def test_a_pair_that_nobody_measured_has_all_the_time() -> None:
    unknown = Candidate(pair="a", utility=0, prediction=None, terms=None)
    assert patience_s(unknown, FOURFOLD, stream=True) is None
