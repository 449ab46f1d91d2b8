"""The success model in the running fleet."""

from __future__ import annotations

import time

import pytest

from serve_app.classifier.success_model import ORIGIN
from tests.serving.running_fleet import PAIRS, Fleet
from tests.waiting import GIVE_UP_S


@pytest.mark.ray
@pytest.mark.vllm
def test_prompts_are_classified_by_it(fleet: Fleet) -> None:
    easy = _classified(fleet, "What is the capital of France?")
    hard = _classified(
        fleet, "A train leaves at 9:40 and arrives at 13:25. How many minutes does it take?"
    )
    assert set(easy) >= PAIRS
    for pair in PAIRS:
        assert easy[pair]["mean"] > hard[pair]["mean"] + 0.2


def _classified(fleet: Fleet, prompt: str) -> dict[str, dict[str, float]]:
    """What the model says of each pair; a classifier that a busy machine made late is asked again.

    The heuristics judge meanwhile, which is what they are for.
    """
    until = time.monotonic() + GIVE_UP_S
    while True:
        body = {"model": "auto", "messages": [{"role": "user", "content": prompt}]}
        classification = fleet.post("/v1/route", body).json()["features"]["classification"]
        if classification["origin"] == ORIGIN:
            success: dict[str, dict[str, float]] = classification["success"]
            return success
        assert time.monotonic() < until, classification["origin"]
        time.sleep(0.5)
