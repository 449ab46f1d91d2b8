"""Calls over handles fail in one way, whatever Ray, gRPC or an ended call raises."""

from __future__ import annotations

import asyncio
from typing import Any, NoReturn, cast

import grpc
import pytest
from ray.exceptions import RayActorError

from serve_app.classifier.request_text import segment
from serve_app.core.breaker import BreakerSettings
from serve_app.core.errors import ClassifierUnavailable, FeedbackUnavailable
from serve_app.feedback.score_store import FeedbackUpdate
from serve_app.serving.fleet_actor import FleetLink, RayScoreStore
from serve_app.serving.handle_errors import HandleError, handle_errors
from serve_app.serving.handles import Handle, HandleClassifier
from serve_app.state.breakers import Breakers
from serve_app.state.load import LoadTracker, Replicas
from serve_app.testing import ManualClock
from tests.builders import a_pair

NO_METADATA = grpc.aio.Metadata()
ERRORS = [
    RayActorError(),
    grpc.aio.AioRpcError(grpc.StatusCode.CANCELLED, NO_METADATA, NO_METADATA, "gone"),
    RuntimeError("Unexpected error (StatusCode.UNKNOWN)"),
    asyncio.CancelledError(),
]


class FailingHandle:
    """A handle whose calls of every method raise one error."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __getattr__(self, _method: str) -> FailingHandle:
        return self

    def remote(self, *_arguments: Any) -> Any:
        return self._fail()

    async def _fail(self) -> NoReturn:
        raise self._error


any_error = pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)


@any_error
async def test_a_classifier_that_cannot_be_called_is_unavailable(error: BaseException) -> None:
    classifier = HandleClassifier(cast(Handle, FailingHandle(error)))

    with pytest.raises(ClassifierUnavailable, match=type(error).__name__):
        await classifier.classify(segment("2 + 3?"))


@any_error
async def test_an_actor_that_cannot_be_called_is_away(error: BaseException) -> None:
    load = LoadTracker([a_pair("cheap")])
    load.set_replicas({"cheap": Replicas(ready=2, starting=0, maximum=2)})
    load.set_peers({"cheap": 7})
    breakers = Breakers(["cheap"], BreakerSettings(), ManualClock())
    link = FleetLink(cast(Handle, FailingHandle(error)), "mine", load, breakers)

    await link.exchange()

    assert load.view()["cheap"].in_flight == 0
    assert load.view()["cheap"].ready_replicas == 2
    assert link.needs_own_poll()


@any_error
async def test_a_score_store_that_cannot_be_called_is_unavailable(error: BaseException) -> None:
    store = RayScoreStore(cast(Handle, FailingHandle(error)))

    with pytest.raises(FeedbackUnavailable, match=type(error).__name__):
        await store.exchange("replica", (), FeedbackUpdate())


async def call_without_an_answer() -> None:
    with handle_errors():
        await asyncio.Event().wait()


async def test_a_cancelled_caller_is_cancelled() -> None:
    task = asyncio.create_task(call_without_an_answer())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])

    assert task.cancelled()


async def test_a_callers_timeout_stays_a_timeout() -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(call_without_an_answer(), 0.01)


async def test_the_error_of_a_call_is_kept_as_the_cause() -> None:
    error = RuntimeError("a bug")

    with pytest.raises(HandleError, match="RuntimeError") as failed, handle_errors():
        raise error

    assert failed.value.__cause__ is error
