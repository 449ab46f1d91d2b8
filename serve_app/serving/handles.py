"""Deployment handles as the ports that the services know; Ray's errors become ours here."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any

from ray.exceptions import RayError, RayTaskError
from ray.serve.exceptions import BackPressureError, RayServeException
from ray.serve.handle import DeploymentHandle

from serve_app.core.errors import ClassifierUnavailable, EngineBusy, EngineError, EngineFailed
from serve_app.core.ports import EngineCall
from serve_app.core.request import Judgement, Prompt

Handle = DeploymentHandle[Any]


class HandleEngine:
    """The fleet, one handle per pair and kind of call."""

    def __init__(self, handles: Mapping[str, Handle]) -> None:
        self._whole = dict(handles)
        self._streams = {pair: handle.options(stream=True) for pair, handle in handles.items()}

    async def answer(self, pair: str, call: EngineCall) -> AsyncGenerator[str, None]:
        """See `core.ports.Engine`. Closing the generator cancels the request at the replica."""
        parts = self._stream(pair, call) if call.stream else self._one(pair, call)
        try:
            async for text in parts:
                yield text
        except (RayError, RayServeException) as exc:
            raise _engine_error(pair, exc) from exc
        finally:
            await parts.aclose()

    async def _stream(self, pair: str, call: EngineCall) -> AsyncGenerator[str, None]:
        parts: Any = self._streams[pair].answer.remote(*_arguments(call))
        ended = False
        try:
            async for text in parts:
                yield text
            ended = True
        finally:
            if not ended:
                parts.cancel()

    async def _one(self, pair: str, call: EngineCall) -> AsyncGenerator[str, None]:
        response: Any = self._whole[pair].answer_whole.remote(*_arguments(call))
        ended = False
        try:
            text: str = await response
            ended = True
            yield text
        finally:
            if not ended:
                response.cancel()


class HandleClassifier:
    """The classifier deployment behind its handle."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    async def judge(self, prompt: Prompt) -> Judgement:
        try:
            judgement: Judgement = await self._handle.judge.remote(prompt)
        except (RayError, RayServeException) as exc:
            raise ClassifierUnavailable(_cause(exc)) from exc
        return judgement


def _arguments(call: EngineCall) -> tuple[str, dict[str, Any], str]:
    return call.operation, dict(call.body), call.request_id


def _engine_error(pair: str, exc: Exception) -> EngineError:
    if isinstance(exc, BackPressureError):
        return EngineBusy(pair)
    if isinstance(exc, RayTaskError) and isinstance(exc.cause, EngineError):
        return exc.cause
    return EngineFailed(pair, _cause(exc))


def _cause(exc: Exception) -> str:
    """A short name: `str` of a Ray error is a whole traceback."""
    if isinstance(exc, RayTaskError) and exc.cause is not None:
        return type(exc.cause).__name__
    return type(exc).__name__
