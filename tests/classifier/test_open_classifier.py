"""The classifier deployment runs the success model where it can, and the heuristics elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from ray import serve

from serve_app.app import wire_classifier
from serve_app.classifier.classifiers import open_classifier
from serve_app.classifier.model_file import save_artifact
from serve_app.classifier.request_text import segment
from serve_app.classifier.success_model import ORIGIN
from serve_app.classifier.text_features import FEATURE_VERSION
from serve_app.core.events import ModelRefused
from serve_app.serving.handles import HandleClassifier
from serve_app.settings import parse_args
from serve_app.testing import RecordingEvents
from tests.outcomes import PAIRS, question, trained
from tests.paths import SMOLLM2_FLEET

REFUSED = "heuristics: success model refused"
PROMPT = segment(question("history", Random(3)))


@pytest.fixture
def logging_afterwards_as_before() -> Iterator[None]:
    """The deployment sets up the log of its process, which here is that of all tests."""
    logger = logging.getLogger("serve_app")
    handlers, level, propagate = [*logger.handlers], logger.level, logger.propagate
    yield
    logger.handlers, logger.propagate = handlers, propagate
    logger.setLevel(level)


@pytest.fixture
def events() -> RecordingEvents:
    return RecordingEvents()


async def test_a_good_model_classifies(tmp_path: Path, events: RecordingEvents) -> None:
    save_artifact(tmp_path / "a.npz", trained())
    classification = await open_classifier(str(tmp_path / "a.npz"), events=events).classify(PROMPT)
    assert classification.origin == ORIGIN
    assert tuple(classification.success) == PAIRS
    assert events.seen == []


async def test_without_a_model_the_heuristics_classify(events: RecordingEvents) -> None:
    classification = await open_classifier(None, events=events).classify(PROMPT)
    assert classification.origin == "heuristics"
    assert events.seen == []


async def test_a_model_of_another_feature_version_leaves_the_heuristics_and_says_why(
    tmp_path: Path, events: RecordingEvents
) -> None:
    artifact = trained()
    header = replace(artifact.header, feature_version=FEATURE_VERSION + 1)
    save_artifact(tmp_path / "a.npz", replace(artifact, header=header))
    classification = await open_classifier(str(tmp_path / "a.npz"), events=events).classify(PROMPT)
    assert classification.origin == REFUSED
    assert "feature version" in _told(events)


async def test_a_missing_model_leaves_the_heuristics_and_is_named(
    tmp_path: Path, events: RecordingEvents
) -> None:
    classification = await open_classifier(str(tmp_path / "gone.npz"), events=events).classify(
        PROMPT
    )
    assert classification.origin == REFUSED
    assert "gone.npz" in _told(events)


@pytest.mark.parametrize("at", [0.1, 0.5, 0.9])
async def test_a_damaged_model_leaves_the_heuristics(
    tmp_path: Path, events: RecordingEvents, at: float
) -> None:
    save_artifact(tmp_path / "a.npz", trained())
    whole = (tmp_path / "a.npz").read_bytes()
    middle = int(len(whole) * at)
    (tmp_path / "a.npz").write_bytes(whole[:middle] + b"\xff" * 64 + whole[middle + 64 :])
    classification = await open_classifier(str(tmp_path / "a.npz"), events=events).classify(PROMPT)
    assert classification.origin == REFUSED
    assert "a.npz" in _told(events)


@pytest.mark.usefixtures("logging_afterwards_as_before")
@pytest.mark.parametrize(("file", "origin"), [("a.npz", ORIGIN), ("none.npz", REFUSED)])
async def test_the_deployment_runs_what_the_settings_name(
    tmp_path: Path, file: str, origin: str
) -> None:
    save_artifact(tmp_path / "a.npz", trained())
    document = yaml.safe_load(SMOLLM2_FLEET.read_text())
    args = document["applications"][0]["args"]
    args["classifier"] = {"success_model": str(tmp_path / file)}
    app = wire_classifier(parse_args(args))
    handle: Any = serve.run(app, name=f"judging {file}", _local_testing_mode=True)
    assert (await HandleClassifier(handle).classify(PROMPT)).origin == origin


def _told(events: RecordingEvents) -> str:
    (event,) = events.seen
    assert isinstance(event, ModelRefused)
    return event.reason
