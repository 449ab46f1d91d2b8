"""The shipped success model in the running fleet, found in the installed package."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest
import yaml

from serve_app.classifier.model_file import load_artifact
from serve_app.classifier.success_model import ORIGIN
from serve_app.package_files import locate
from tests.paths import REPOSITORY
from tests.serving.running_fleet import Fleet
from tests.waiting import GIVE_UP_S

ARGS = yaml.safe_load((REPOSITORY / "serve_config.yaml").read_text())["applications"][0]["args"]
SHIPPED = Path(locate(ARGS["classifier"]["success_model"]))
OUTCOMES = REPOSITORY / "profiles" / "data" / "smollm2-135m-instruct"
LARGEST_BYTES = 1_000_000


def test_the_shipped_model_loads_and_knows_every_pair_of_the_shipped_fleet() -> None:
    header = load_artifact(SHIPPED).header
    assert set(header.pairs) == {pair["id"] for pair in ARGS["pairs"]}
    assert SHIPPED.stat().st_size < LARGEST_BYTES


def test_the_shipped_model_learned_from_the_shipped_outcomes() -> None:
    shipped = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in OUTCOMES.glob("*.outcomes.jsonl")
    }
    assert load_artifact(SHIPPED).header.data == shipped


@pytest.mark.ray
def test_the_running_fleet_classifies_prompts_by_the_shipped_model(fleet: Fleet) -> None:
    easy = _classified(fleet, "What is the capital of France?")
    hard = _classified(
        fleet, "A train leaves at 9:40 and arrives at 13:25. How many minutes does it take?"
    )
    for pair in ARGS["pairs"]:
        assert easy[pair["id"]]["mean"] > hard[pair["id"]]["mean"] + 0.2


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
