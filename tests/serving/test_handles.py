"""Deployment handles behave as the ports that the services know."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest
from ray import serve
from ray.exceptions import PendingCallsLimitExceeded, RayActorError, RayTaskError
from ray.serve.exceptions import (
    BackPressureError,
    ReplicaUnavailableError,
    RequestCancelledError,
)

from serve_app.classifier.classifiers import HeuristicClassifier
from serve_app.classifier.request_text import segment
from serve_app.core.errors import ClassifierUnavailable, EngineBusy, EngineFailed, EngineRejected
from serve_app.core.ports import EngineCall
from serve_app.serving.classifier import build_classifier
from serve_app.serving.handles import HandleClassifier, HandleEngine, warm_up


class ScriptedHandle:
    """A handle of our own: yields texts, then raises; remembers whether it was cancelled."""

    def __init__(self, texts: list[str], error: Exception | None = None) -> None:
        self._texts = texts
        self._error = error
        self.cancelled = False
        self.asked = 0

    def options(self, *, stream: bool) -> ScriptedHandle:
        assert stream
        return self

    @property
    def answer(self) -> ScriptedHandle:
        return self

    @property
    def classify(self) -> ScriptedHandle:
        return self

    def remote(self, *_arguments: Any) -> ScriptedHandle:
        self.asked += 1
        return self

    def cancel(self) -> None:
        self.cancelled = True

    def __await__(self) -> Any:
        if self._error is not None:
            raise self._error
        yield

    async def __aiter__(self) -> AsyncGenerator[str, None]:
        for text in self._texts:
            yield text
        if self._error is not None:
            raise self._error


def a_stream() -> EngineCall:
    return EngineCall(operation="chat", body={"stream": True}, request_id="r")


async def collect(handle: ScriptedHandle) -> list[str]:
    engine = HandleEngine({"bf16": handle})  # type: ignore[dict-item]
    return [text async for text in engine.answer("bf16", a_stream())]


def raised_at_the_replica(cause: Exception) -> RayTaskError:
    return RayTaskError("answer", "a long traceback", cause)


async def test_texts_come_through_in_their_order() -> None:
    handle = ScriptedHandle(["one", "two"])
    assert await collect(handle) == ["one", "two"]
    assert not handle.cancelled


@pytest.mark.parametrize("wrapped", [True, False])
async def test_an_engine_error_of_ours_arrives_with_its_attributes(*, wrapped: bool) -> None:
    rejected = EngineRejected("bf16", 400, "min_p must be in [0, 1]", "BadRequestError", "min_p")
    error = raised_at_the_replica(rejected) if wrapped else rejected
    with pytest.raises(EngineRejected) as arrived:
        await collect(ScriptedHandle([], error))
    assert (arrived.value.status, arrived.value.param) == (400, "min_p")


FULL = BackPressureError(num_queued_requests=9, max_queued_requests=8)


@pytest.mark.parametrize(
    "error",
    [
        FULL,
        raised_at_the_replica(FULL),
        ReplicaUnavailableError("replica-1"),
        RequestCancelledError("request-1"),
        PendingCallsLimitExceeded(),
    ],
    ids=["full", "full at the replica", "draining", "cancelled by Ray", "too many calls"],
)
async def test_a_pair_without_room_is_busy_and_not_broken(error: Exception) -> None:
    with pytest.raises(EngineBusy):
        await collect(ScriptedHandle([], error))


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (RayActorError(), "RayActorError"),
        (raised_at_the_replica(MemoryError("out of memory")), "MemoryError"),
        (ArithmeticError("a fault inside the engine"), "ArithmeticError"),
    ],
)
async def test_any_other_failure_is_named_by_its_class_alone(error: Exception, cause: str) -> None:
    with pytest.raises(EngineFailed) as arrived:
        await collect(ScriptedHandle(["first"], error))
    assert arrived.value.cause == cause


async def test_leaving_a_stream_cancels_the_request_at_the_replica() -> None:
    handle = ScriptedHandle(["one", "two", "three"])
    engine = HandleEngine({"bf16": handle})  # type: ignore[dict-item]
    async with aclosing(engine.answer("bf16", a_stream())) as texts:
        assert await anext(texts) == "one"
    assert handle.cancelled


async def test_a_classifier_whose_replica_died_is_unavailable() -> None:
    classifier = HandleClassifier(ScriptedHandle([], RayActorError()))  # type: ignore[arg-type]
    with pytest.raises(ClassifierUnavailable, match="RayActorError"):
        await classifier.classify(segment("2 + 3?"))


async def test_the_classifier_deployment_classifies_as_the_classifier_it_holds() -> None:
    app = build_classifier(HeuristicClassifier, {"num_replicas": 1})
    handle: Any = serve.run(app, name="judging", _local_testing_mode=True)
    prompt = segment("Translate 'good morning' into French.")
    classification = await HandleClassifier(handle).classify(prompt)
    assert classification == await HeuristicClassifier().classify(prompt)
    assert classification.task == "translation"


async def test_a_classifier_is_asked_once_before_any_request_has_to_wait_for_it() -> None:
    handle = ScriptedHandle([])
    await warm_up(HandleClassifier(handle))  # type: ignore[arg-type]
    assert handle.asked == 1


async def test_a_classifier_that_is_not_there_yet_does_not_keep_an_ingress_from_starting() -> None:
    await warm_up(HandleClassifier(ScriptedHandle([], RayActorError())))  # type: ignore[arg-type]
