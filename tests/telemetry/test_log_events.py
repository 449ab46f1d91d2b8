"""Facts as log lines, and several sinks at once."""

from __future__ import annotations

import json
import logging

import pytest

from serve_app.core.events import (
    AttemptFailed,
    CatalogRefused,
    CatalogSwapped,
    ClassifierMissed,
    Event,
    ModelRefused,
    PoisonFound,
    Routed,
    SecretsExposed,
    StoreLost,
)
from serve_app.settings.plain_secrets import ADVICE
from serve_app.telemetry.log_events import FanOut, LogEvents
from serve_app.testing import RecordingEvents
from tests.telemetry.event_samples import a_decision, an_answer


@pytest.fixture
def events(caplog: pytest.LogCaptureFixture) -> LogEvents:
    caplog.set_level(logging.INFO, logger="router")
    return LogEvents(logging.getLogger("router"))


@pytest.mark.parametrize(
    ("event", "level", "line"),
    [
        (
            CatalogRefused(reason="schema: got 9"),
            "ERROR",
            {"event": "catalog_refused", "reason": "schema: got 9"},
        ),
        (StoreLost(reason="gone"), "WARNING", {"event": "store_lost", "reason": "gone"}),
        (
            SecretsExposed(fields=("store.url", "pairs[0].env.HF_TOKEN")),
            "WARNING",
            {
                "event": "secrets_exposed",
                "fields": "store.url, pairs[0].env.HF_TOKEN",
                "advice": ADVICE,
            },
        ),
        (
            CatalogSwapped(version="3", pairs=2),
            "INFO",
            {"event": "catalog_swapped", "version": "3", "pairs": 2, "policy": None},
        ),
        (
            AttemptFailed(pair="a", reason="capacity", detail="a is full", elapsed_ms=3.14159),
            "WARNING",
            {
                "event": "attempt_failed",
                "pair": "a",
                "reason": "capacity",
                "detail": "a is full",
                "elapsed_ms": 3.1,
            },
        ),
        (
            PoisonFound(decision="d1", pairs=("a", "b"), detail="oom at both"),
            "ERROR",
            {
                "event": "poison_request",
                "decision": "d1",
                "pairs": "a, b",
                "detail": "oom at both",
            },
        ),
        (
            ClassifierMissed(reason="late", asked=True),
            "WARNING",
            {"event": "classifier_missed", "reason": "late"},
        ),
        (
            Routed(decision=a_decision(chosen="a", fallback="no catalog yet"), overhead_ms=1),
            "ERROR",
            {"event": "fallback_used", "decision": "d1", "pair": "a", "reason": "no catalog yet"},
        ),
    ],
)
def test_what_somebody_may_act_on_is_one_line_of_json(
    events: LogEvents, caplog: pytest.LogCaptureFixture, event: Event, level: str, line: object
) -> None:
    events.emit(event)

    (record,) = caplog.records
    assert record.levelname == level
    assert json.loads(record.getMessage()) == line


@pytest.mark.parametrize(
    "event",
    [
        Routed(decision=a_decision(), overhead_ms=1),
        an_answer(),
        ClassifierMissed(reason="down", asked=False),
    ],
)
def test_a_request_that_tells_nothing_new_leaves_no_line(
    events: LogEvents, caplog: pytest.LogCaptureFixture, event: Event
) -> None:
    events.emit(event)

    assert caplog.records == []


def test_a_reason_over_several_lines_stays_on_one(
    events: LogEvents, caplog: pytest.LogCaptureFixture
) -> None:
    events.emit(StoreLost(reason="first\nsecond"))

    assert "\n" not in caplog.records[0].getMessage()


def test_a_fan_out_tells_every_sink_in_order() -> None:
    first, second = RecordingEvents(), RecordingEvents()
    sinks = FanOut(first, second)

    sinks.emit(StoreLost(reason="a"))
    sinks.emit(StoreLost(reason="b"))

    assert first.seen == second.seen == [StoreLost(reason="a"), StoreLost(reason="b")]


def test_published_profiles_in_use_are_named_in_a_warning(
    events: LogEvents, caplog: pytest.LogCaptureFixture
) -> None:
    events.emit(CatalogSwapped(version="3", pairs=3, published=("a", "b")))

    swapped, warned = caplog.records
    assert (swapped.levelname, warned.levelname) == ("INFO", "WARNING")
    assert json.loads(warned.getMessage()) == {
        "event": "published_profiles",
        "version": "3",
        "pairs": "a, b",
    }


def test_a_refused_success_model_is_an_error_with_its_reason(
    events: LogEvents, caplog: pytest.LogCaptureFixture
) -> None:
    events.emit(ModelRefused(reason="a.npz is not there"))

    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert json.loads(record.getMessage()) == {
        "event": "success_model_refused",
        "reason": "a.npz is not there",
    }
