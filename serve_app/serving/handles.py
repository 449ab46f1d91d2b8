"""Deployment handles as the ports that the services know; Ray's errors become ours here.

A call takes its placement along: `replica_router` reads and fills it in this process.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from typing import Any

from ray.exceptions import PendingCallsLimitExceeded, RayTaskError, TaskCancelledError
from ray.serve.exceptions import (
    BackPressureError,
    DeploymentUnavailableError,
    ReplicaUnavailableError,
)
from ray.serve.handle import DeploymentHandle

from serve_app.classifier.request_text import segment
from serve_app.core.errors import ClassifierUnavailable, EngineBusy, EngineError, EngineFailed
from serve_app.core.ports import Classifier, EngineCall
from serve_app.core.request import Prompt, PromptClassification
from serve_app.serving.handle_errors import HandleError, cause_of, handle_errors

Handle = DeploymentHandle[Any]
# A full queue, a replica that drains, one whose task ended without a call of ours to end it, and a
# deployment that was removed or failed, of which the watch over replicas reports.
NO_ROOM = (
    BackPressureError,
    ReplicaUnavailableError,
    DeploymentUnavailableError,
    PendingCallsLimitExceeded,
    TaskCancelledError,
)


class HandleEngine:
    """The fleet, one streaming handle per pair; a whole answer is a stream of one text."""

    def __init__(self, handles: Mapping[str, Handle]) -> None:
        self._handles = {pair: handle.options(stream=True) for pair, handle in handles.items()}

    def answer(self, pair: str, call: EngineCall) -> AsyncGenerator[str, None]:
        """See `core.ports.Engine`. Closing the generator cancels the request at the replica."""
        return texts_over(self._handles[pair], pair, call)


async def texts_over(handle: Handle, pair: str, call: EngineCall) -> AsyncGenerator[str, None]:
    """The texts of one answer over a streaming handle. Raises `EngineError`s only."""
    texts: Any = handle.answer.remote(call.operation, call.body, call.request_id, call.placement)
    ended = False
    try:
        async for text in texts:
            yield text
        ended = True
    # Whatever a replica raises arrives here, as itself or in one of Ray's errors.
    except Exception as exc:
        raise _engine_error(pair, exc) from exc
    finally:
        if not ended:
            texts.cancel()


class HandleClassifier:
    """The classifier deployment behind its handle."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    async def classify(self, prompt: Prompt) -> PromptClassification:
        try:
            with handle_errors():
                classification: PromptClassification = await self._handle.classify.remote(prompt)
        except HandleError as exc:
            raise ClassifierUnavailable(exc.cause) from exc
        return classification


async def warm_up(classifier: Classifier) -> None:
    """Asks once: the first call finds the replicas, and takes longer than a request may wait.

    A classifier that is not there yet is for the first request to find.
    """
    with suppress(ClassifierUnavailable):
        await classifier.classify(segment("What is the capital of France?"))


def _engine_error(pair: str, exc: Exception) -> EngineError:
    """What came over a handle. Whatever is not known here is a pair that broke."""
    cause = exc.cause if isinstance(exc, RayTaskError) else exc
    if isinstance(cause, EngineError):
        return cause
    if isinstance(cause, NO_ROOM) or isinstance(exc, NO_ROOM):
        return EngineBusy(pair)
    return EngineFailed(pair, cause_of(exc))
