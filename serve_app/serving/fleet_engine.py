"""The engines of all pairs as one, wherever each of them runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing

from ray import serve
from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException

from serve_app.core.errors import EngineBusy
from serve_app.core.ports import Engine, EngineCall
from serve_app.serving.endpoint import EndpointEngine
from serve_app.serving.handles import Handle, HandleEngine, texts_over
from serve_app.settings import PairSettings


class ApplicationEngine:
    """Pairs that are Serve applications of their own, found by name when they are first asked.

    A pair's deployment has the pair's id. A handle that was found stays good: it follows its
    deployment through removal and return.
    """

    def __init__(self, applications: Mapping[str, str]) -> None:
        self._applications = applications
        self._handles: dict[str, Handle] = {}

    async def answer(self, pair: str, call: EngineCall) -> AsyncGenerator[str, None]:
        """See `core.ports.Engine`. Raises `EngineBusy` while the application is not there."""
        if pair not in self._handles:
            try:
                # Asks the controller, which may take a while.
                found = await asyncio.to_thread(
                    serve.get_deployment_handle, pair, self._applications[pair]
                )
            except (KeyError, RayError, RayServeException) as exc:
                raise EngineBusy(pair) from exc
            self._handles[pair] = found.options(stream=True)
        async with aclosing(texts_over(self._handles[pair], pair, call)) as texts:
            async for text in texts:
                yield text


class FleetEngine:
    """An `Engine` for pairs of each kind: `handles` are of those composed with the router."""

    def __init__(
        self,
        handles: Mapping[str, Handle],
        *,
        applications: Mapping[str, str],
        endpoints: Sequence[PairSettings],
    ) -> None:
        composed, others = HandleEngine(handles), ApplicationEngine(applications)
        self._engines: dict[str, Engine] = {
            **dict.fromkeys(handles, composed),
            **dict.fromkeys(applications, others),
        }
        self._endpoints = EndpointEngine(endpoints) if endpoints else None
        if self._endpoints is not None:
            self._engines |= dict.fromkeys((pair.id for pair in endpoints), self._endpoints)

    def answer(self, pair: str, call: EngineCall) -> AsyncGenerator[str, None]:
        return self._engines[pair].answer(pair, call)

    async def close(self) -> None:
        if self._endpoints is not None:
            await self._endpoints.close()
